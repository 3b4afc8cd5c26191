"""Hexadecimal text as Go's `encoding/hex` reads it, with its error texts: ASCII digits and nothing
else. Called by the sources that check signatures."""

from __future__ import annotations

_DIGITS = frozenset("0123456789abcdefABCDEF")


class BadHex(ValueError):
    """The text is not hexadecimal; the message says why."""


def decode(text: str) -> bytes:
    """Its bytes. Raises BadHex."""
    for char in text:
        if char not in _DIGITS:
            raise BadHex(f"encoding/hex: invalid byte: U+{ord(char):04X} '{char}'")
    if len(text) % 2:
        raise BadHex("encoding/hex: odd length hex string")
    return bytes.fromhex(text)
