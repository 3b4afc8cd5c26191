"""Sensors: which events a trigger waits for, and what of them goes into it."""
