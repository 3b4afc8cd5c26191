"""Message properties the AMQP library cannot decode: a message must not block its queue.

The library ends the connection at a time beyond the year 9999 (nanoseconds for seconds), at text
that is no UTF-8 and at headers with such names; the broker would hand the message out again, for
ever. Its table of decoders is the one door: times become plain seconds, text is read as every
reader would show it, headers that cannot be read are left out (no event has them). Called by
`amqp_client`.
"""

from __future__ import annotations

import struct
from typing import Any

_SECONDS = struct.Struct(">q")
_LENGTH = struct.Struct(">I")


def tolerate() -> None:
    """Replace the library's decoders, in this process; again is no harm."""
    from pamqp import decode

    decoders: dict[str, Any] = decode.METHODS
    decoders["timestamp"] = _moment
    decoders["shortstr"] = _text
    decoders["table"] = _table
    by_letter: dict[bytes, Any] = decode.TABLE_MAPPING
    by_letter[b"T"] = _moment


def _moment(value: bytes) -> tuple[int, int]:
    """Seconds since the epoch, as the sender meant them."""
    if len(value) < _SECONDS.size:
        raise ValueError("a time ends early")
    return _SECONDS.size, _SECONDS.unpack_from(value)[0]


def _text(value: bytes) -> tuple[int, str]:
    end = value[0] + 1 if value else 1
    if len(value) < end:
        raise ValueError("a text ends early")
    return end, value[1:end].decode("utf-8", "replace")


def _table(value: bytes) -> tuple[int, dict[str, Any]]:
    from pamqp import decode

    try:
        size, found = decode.field_table(value)
        return size, dict(found)
    except ValueError:
        if len(value) < _LENGTH.size:
            raise
        size = _LENGTH.size + _LENGTH.unpack_from(value)[0]
        if len(value) < size:
            raise
        return size, {}
