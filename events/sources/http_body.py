"""Bodies and queries of webhooks as the JSON text that goes into an event.

A JSON body keeps the client's numbers and duplicate keys: it is checked and compacted as text,
never parsed and printed again. Texts of errors are those the reference answers with.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from urllib.parse import unquote_plus

import orjson

from lang import gojson, strconv
from lang.errors import LangError

_KEPT = re.compile(rb'"(?:[^"\\]+|\\.)*"|[^" \t\r\n]+')  # strings, and all but blanks
# A whole pair or another escape, kept; else half of a pair.
_ESCAPES = re.compile(
    rb"(\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u(?![dD][89a-fA-F])....|\\[^u])|\\u[dD]..."
)
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_HTML = {b"<": b"\\u003c", b">": b"\\u003e", b"&": b"\\u0026"}
_LINES = {b"\xe2\x80\xa8": b"\\u2028", b"\xe2\x80\xa9": b"\\u2029"}


class BadBody(ValueError):
    """The body is not what the endpoint takes."""


def compact(raw: bytes) -> bytes:
    """Valid JSON text without blanks, `<>&` and line separators escaped. Raises BadBody."""
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError:
        # Slower, and right about what the fast parser refuses: stray bytes, half surrogates.
        text = raw.decode("utf-8", "replace")
        try:
            gojson.check(text)
        except LangError as error:
            raise BadBody(error.message) from None
        raw = text.encode()
    if any(blank in raw for blank in (b" ", b"\n", b"\t", b"\r")):
        raw = b"".join(_KEPT.findall(raw))
    for char, escape in (_HTML | _LINES).items():
        if char in raw:
            raw = raw.replace(char, escape)
    return raw


def whole_pairs(raw: bytes) -> bytes:
    """JSON text with half surrogate pairs as U+FFFD, as every reader sees them; the parsers that
    want typed values refuse them."""
    if b"\\ud" not in raw and b"\\uD" not in raw:
        return raw
    return _ESCAPES.sub(lambda match: match[1] or b"\\ufffd", raw)


def form(text: str) -> dict[str, list[str]]:
    """A query or form as Go reads it: names to values in order. Raises BadBody."""
    fields: dict[str, list[str]] = {}
    for pair in text.split("&"):
        if not pair:
            continue
        if ";" in pair:
            raise BadBody("invalid semicolon separator in query")
        name, _, value = pair.partition("=")
        for part in (name, value):
            if (bad := _BAD_ESCAPE.search(part)) is not None:
                shown = strconv.quote(part[bad.start() : bad.start() + 3])
                raise BadBody(f"invalid URL escape {shown}")
        fields.setdefault(unquote_plus(name), []).append(unquote_plus(value))
    return fields


def lenient_query(text: str) -> dict[str, list[str]]:
    """A query whose malformed pairs are left out."""
    fields: dict[str, list[str]] = {}
    for pair in text.split("&"):
        try:
            for name, values in form(pair).items():
                fields.setdefault(name, []).extend(values)
        except BadBody:
            continue
    return fields


def marshal(value: Mapping[str, object] | Sequence[object]) -> bytes:
    """Compact JSON with sorted keys and escaped HTML characters. Raises BadBody where it is nested
    too deeply."""
    try:
        raw = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except (TypeError, orjson.JSONEncodeError):
        try:
            return gojson.marshal(value).encode()
        except LangError as error:
            raise BadBody(error.message) from None
    for char, escape in (_HTML | _LINES).items():
        if char in raw:
            raw = raw.replace(char, escape)
    return raw


def quoted(text: str) -> bytes:
    """A JSON string, HTML characters escaped."""
    return marshal([text])[1:-1]
