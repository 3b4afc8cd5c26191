"""The workflow engine's pure core: facts in, decisions out.

No I/O, no clock, no randomness, no globals. The same facts in the same order give the same
decisions and the same status, byte for byte.
"""
