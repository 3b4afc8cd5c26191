"""The body of an HTTP answer, whole and bounded: whoever answers may be anybody."""

from __future__ import annotations

import aiohttp


class TooLong(ValueError):
    """The body is longer than it may be; what came of it was dropped."""

    def __init__(self, cap: int) -> None:
        super().__init__(f"the answer is larger than {cap} bytes")


async def whole(answer: aiohttp.ClientResponse, cap: int) -> bytes:
    """The body to its end (`content.read(n)` gives what happens to be there). Raises TooLong."""
    raw = bytearray()
    async for piece in answer.content.iter_any():
        raw += piece
        if len(raw) > cap:
            raise TooLong(cap)
    return bytes(raw)
