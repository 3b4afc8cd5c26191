"""Stored events, explained and replayed: what Sensors did with them, do, or would do.

Pure but for `opening`, which finds the bus. Nothing here changes anything.
"""
