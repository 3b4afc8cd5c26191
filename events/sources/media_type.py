"""The media type of a `Content-Type` header, as Go's `mime` package reads it: the same acceptance,
the same error texts. Called by the `github` source."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]*")
_QUOTED = re.compile(r'"((?:[^"\\\r\n]|\\[^\r\n])*)"')


class BadMediaType(ValueError):
    """The header names no media type; the message says why."""


def parse(header: str) -> str:
    """The media type in lower case, without its parameters. Raises BadMediaType."""
    kind, _, _ = header.partition(";")
    _check(kind.strip().lower())
    seen: dict[str, str] = {}
    rest = header[len(kind) :].lstrip()
    while rest:
        found = _parameter(rest)
        if found is None:
            if rest.strip() == ";":
                break
            raise BadMediaType("mime: invalid media parameter")
        name, value, rest = found
        if seen.setdefault(name, value) != value:
            raise BadMediaType("mime: duplicate parameter name")
    return kind.strip().lower()


def _check(kind: str) -> None:
    first = _token(kind)
    rest = kind[len(first) :]
    if not first:
        raise BadMediaType("mime: no media type")
    if not rest:
        return
    if not rest.startswith("/"):
        raise BadMediaType("mime: expected slash after first token")
    second = _token(rest[1:])
    if not second:
        raise BadMediaType("mime: expected token after slash")
    if rest[1:] != second:
        raise BadMediaType("mime: unexpected content after media subtype")


def _parameter(text: str) -> tuple[str, str, str] | None:
    """Name, value, and what follows, of `; name=value` at the begin of `text`."""
    if not text.startswith(";"):
        return None
    rest = text[1:].lstrip()
    name = _token(rest)
    rest = rest[len(name) :].lstrip()
    if not name or not rest.startswith("="):
        return None
    rest = rest[1:].lstrip()
    if (quoted := _QUOTED.match(rest)) is not None:
        return name.lower(), quoted[1], rest[quoted.end() :].lstrip()
    value = _token(rest)
    return (name.lower(), value, rest[len(value) :].lstrip()) if value else None


def _token(text: str) -> str:
    match = _TOKEN.match(text)
    return match[0] if match else ""
