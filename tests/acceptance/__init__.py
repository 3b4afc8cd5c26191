"""Tests of headrace as users run it: real processes, sockets, signals."""
