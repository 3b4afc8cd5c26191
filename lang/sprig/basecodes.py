"""base64 and base32 as Go decodes them, with the place of what is wrong: `encoding/base64`."""

from __future__ import annotations

import base64
import re

from lang.sprig import casting

_DIGITS = {
    "base64": b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    "base32": b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
}
_WHOLE_64 = re.compile(rb"[A-Za-z0-9+/]*={0,2}")
_LINES = b"\r\n"
_PAD = ord("=")


class _Wrong(Exception):
    """At which byte the first mistake is."""


def decode_64(text: str) -> str:
    """base64; of a text that is not encoded so, the error's text, as sprig does."""
    data = text.encode(errors="replace")
    wrong = None if len(data) % 4 == 0 and _WHOLE_64.fullmatch(data) else _wrong_64(data)
    if wrong is not None:
        return f"illegal base64 data at input byte {wrong}"
    return casting.decoded(base64.b64decode(data.translate(None, _LINES)))


def decode_32(text: str) -> str:
    """base32, likewise. What follows the padding is not looked at."""
    data = text.encode(errors="replace").translate(None, _LINES)
    try:
        end = _end_32(data)
    except _Wrong as wrong:
        return f"illegal base32 data at input byte {wrong}"
    return casting.decoded(base64.b32decode(data[:end] + b"=" * (-end % 8)))


def _skip(data: bytes, at: int) -> int:
    while at < len(data) and data[at] in _LINES:
        at += 1
    return at


def _wrong_64(data: bytes) -> int | None:
    """Where the first mistake is; line ends do not count."""
    at = count = 0
    while True:
        at = _skip(data, at)
        if at >= len(data):
            return at - count if count else None
        byte, at = data[at], at + 1
        if byte in _DIGITS["base64"]:
            count = (count + 1) % 4
            continue
        if byte != _PAD or count < 2:
            return at - 1
        if count == 2:
            at = _skip(data, at)
            if at >= len(data):
                return len(data)
            if data[at] != _PAD:
                return at - 1
            at += 1
        at = _skip(data, at)
        return at if at < len(data) else None


def _end_32(data: bytes) -> int:
    """Where the digits end. Raises _Wrong."""
    size = len(data)
    for at in range(size):
        used, left = at % 8, size - at - 1
        if data[at] == _PAD and used >= 2 and left < 8:
            return _padded_32(data, at)
        if data[at] not in _DIGITS["base32"]:
            raise _Wrong(at)
    if size % 8:
        raise _Wrong(size - size % 8)
    return size


def _padded_32(data: bytes, at: int) -> int:
    used, behind = at % 8, data[at + 1 :]
    wanted = 7 - used
    if len(behind) < wanted:
        raise _Wrong(len(data))
    for index in range(wanted):
        if behind[index] != _PAD:
            raise _Wrong(at + index)
    if used in {3, 6}:
        raise _Wrong(at)
    return at
