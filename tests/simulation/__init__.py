"""Deterministic simulation of the engine: virtual time, a fake API that misbehaves, crashes.

`python -m tests.simulation --seeds 1000` plays a thousand schedules; `--seed N` plays one and
prints its story. The same seed gives the same schedule, byte for byte.
"""
