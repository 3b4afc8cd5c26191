"""HTTP requests and responses as plain data, and the strict parsing of a request head.

Everything a proxy in front might read differently is refused: two lengths, a length and a
transfer coding, folded headers, blanks before a colon, bare control characters.
"""

from __future__ import annotations

import functools
import http
import re
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

MAX_HEADER_COUNT = 128

_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+\Z")
_REQUEST_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) (\S+) HTTP/1\.([01])\Z")
_BAD_VALUE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class BadRequest(Exception):
    """The bytes are no acceptable request; `status` is what the client gets."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """A request head. Header names are canonical (`X-Github-Event`), values in arrival order."""

    method: str
    path: str
    query: str
    headers: dict[str, list[str]]
    length: int
    chunked: bool
    keep_alive: bool
    expects_continue: bool

    def header(self, name: str) -> str:
        """The first value of `name` (canonical), or the empty string."""
        values = self.headers.get(name)
        return values[0] if values else ""


@dataclass(frozen=True, slots=True)
class Response:
    """A whole response. The connection is closed after it when `close`."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = field(default=())
    close: bool = False


def text(status: int, body: str, **headers: str) -> Response:
    """A text response; keyword `retry_after` becomes the header `Retry-After`."""
    fields = tuple((name.replace("_", "-").title(), value) for name, value in headers.items())
    return Response(status, body.encode(), headers=fields)


@functools.lru_cache(maxsize=2048)
def canonical(name: str) -> str:
    """The form Go gives a header name: upper case first and after each dash."""
    return "-".join(part[:1].upper() + part[1:].lower() for part in name.split("-"))


def parse_head(head: bytes) -> Request:
    """The request whose head (without the blank line) is `head`. Raises BadRequest."""
    lines = head.split(b"\r\n")
    match = _REQUEST_LINE.match(lines[0])
    if match is None:
        raise BadRequest("malformed request line")
    if len(lines) - 1 > MAX_HEADER_COUNT:
        raise BadRequest("too many headers", 431)
    headers = _headers(lines[1:])
    path, query = _target(match.group(2))
    minor = match.group(3)
    hosts = headers.pop("Host", [])
    if len(hosts) > 1 or (minor == b"1" and not hosts):
        raise BadRequest("missing required Host header")
    length, chunked = _framing(headers)
    connection = ",".join(headers.get("Connection", ())).lower()
    return Request(
        match.group(1).decode(),
        path,
        query,
        headers,
        length,
        chunked,
        "close" not in connection if minor == b"1" else "keep-alive" in connection,
        headers.get("Expect", [""])[0].lower() == "100-continue",
    )


def _headers(lines: list[bytes]) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not _TOKEN.match(name):
            raise BadRequest("malformed header")
        value = value.strip(b" \t")
        if _BAD_VALUE.search(value):
            raise BadRequest("malformed header value")
        headers.setdefault(canonical(name.decode()), []).append(value.decode("utf-8", "replace"))
    return headers


def _target(target: bytes) -> tuple[str, str]:
    if not target.startswith(b"/"):
        _, found, rest = target.partition(b"://")
        if not found:
            raise BadRequest("malformed request target")
        target = b"/" + rest.partition(b"/")[2]
    path, _, query = target.partition(b"?")
    if _BAD_ESCAPE.search(path):
        raise BadRequest("malformed request target")
    return unquote_to_bytes(path).decode("utf-8", "replace"), query.decode("utf-8", "replace")


def _framing(headers: dict[str, list[str]]) -> tuple[int, bool]:
    codings = headers.pop("Transfer-Encoding", [])
    lengths = headers.get("Content-Length", [])
    if codings:
        if lengths:
            raise BadRequest("both a length and a transfer coding")
        if [c.lower() for c in codings] != ["chunked"]:
            raise BadRequest("unsupported transfer coding", 501)
        return 0, True
    if not lengths:
        return 0, False
    if len(set(lengths)) != 1 or not re.fullmatch(r"[0-9]{1,15}", lengths[0], re.ASCII):
        raise BadRequest("malformed Content-Length")
    headers["Content-Length"] = lengths[:1]
    return int(lengths[0]), False


@functools.lru_cache(maxsize=64)
def _status_line(status: int) -> bytes:
    return f"HTTP/1.1 {status} {http.HTTPStatus(status).phrase}\r\n".encode()


def encode(response: Response, *, date: bytes, head_only: bool, close: bool) -> bytes:
    """The bytes of `response`. `date` is the value of the Date header."""
    parts = [_status_line(response.status)]
    if response.content_type and not 300 <= response.status < 400:
        parts.append(b"Content-Type: %b\r\n" % response.content_type.encode())
    parts.append(b"Content-Length: %d\r\nDate: %b\r\n" % (len(response.body), date))
    parts.extend(b"%b: %b\r\n" % (k.encode(), v.encode()) for k, v in response.headers)
    parts.append(b"Connection: close\r\n\r\n" if close else b"\r\n")
    if not head_only:
        parts.append(response.body)
    return b"".join(parts)
