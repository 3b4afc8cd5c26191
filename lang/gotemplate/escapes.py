"""The builtins `html`, `js` and `urlquery`. Source: Go `text/template/funcs.go`."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote_plus

from lang import gofmt
from lang.sprig.registry import bounded

_HTML = str.maketrans(
    {"&": "&amp;", "'": "&#39;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "\0": "\ufffd"}
)
_JS = {
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    "<": "\\u003C",
    ">": "\\u003E",
    "&": "\\u0026",
    "=": "\\u003D",
}


def html(*values: Any) -> str:
    """Escaped for HTML text and attributes."""
    return _joined(values).translate(_HTML)


def js(*values: Any) -> str:
    """Escaped for a JavaScript string."""
    return "".join(map(_js, _joined(values)))


def _js(character: str) -> str:
    known = _JS.get(character)
    if known is not None:
        return known
    if character < " " or not (character.isascii() or character.isprintable()):
        return f"\\u{ord(character):04X}"
    return character


def urlquery(*values: Any) -> str:
    """Escaped for the query of a URL."""
    return quote_plus(_joined(values), safe="~", errors="replace")


def _joined(values: tuple[Any, ...]) -> str:
    shown = ["<no value>" if value is None else value for value in values]
    text = gofmt.sprint(*shown)
    bounded(len(text) * 6)
    return text
