"""Stored events, explained and replayed: what Sensors did with them, do, or would do.

Pure but for `opening`, which finds the bus, and `firing_again`, which does what a replay found.
"""
