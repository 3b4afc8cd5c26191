"""A parsed JSON document that still knows how its parts were written.

A path finds values in the parsed document; the text of an object or list is what the sender
wrote, blanks included. The first of duplicate keys counts, as for gjson.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from typing import Any

from lang import gjson, gjson_text, gojson, jsonpath
from lang.gjson import Result

_TOKEN = re.compile(r'"(?:[^"\\]+|\\.)*"|[\[\]{}]')
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_RARE_ESCAPE = re.compile(r"\\[/bfu]")  # what would be written in another way


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        found.clear()
        for key, value in pairs:
            found.setdefault(key, value)
    return found


def _integer(text: str) -> int:
    return gojson.RawInt(text) if text == "-0" else int(text)


def _constant(text: str) -> Any:
    raise ValueError(text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_first_wins,
    parse_float=gojson.RawFloat,
    parse_int=_integer,
    parse_constant=_constant,
)


class SourceText:
    """JSON text and its document. Raises LangError when the text is no JSON."""

    def __init__(self, text: str) -> None:
        self.text = text

    @functools.cached_property
    def document(self) -> Any:
        """The parsed document; never change it."""
        try:
            found = _DECODER.decode(self.text)
        except (ValueError, RecursionError):
            return gojson.parse(self.text)
        gojson.check_depth(self.text, found)
        return gojson.without_surrogates(found) if _SURROGATE.search(self.text) else found

    @functools.cached_property
    def floats(self) -> Any:
        """The document as Go's JSON decoder gives it to templates.

        Every number is a float64 and the last of duplicate keys counts. Raises LangError.
        """
        return gojson.plain_floats(gojson.parse(self.text))

    def find(self, path: str) -> Result:
        """The value at a gjson path; beginning with `$` it is JSONPath.

        An object or list comes with its text. Modifiers (`@tostr`, `@pretty`) work on the text.
        """
        if path.startswith("$"):
            found = lookup(self.document, path)
        elif "@" in path:
            return gjson_text.get(self.text, path)
        else:
            found = gjson.get(self.document, path)
        if found.type != "JSON":
            return found
        return Result(True, "JSON", found.value, self._text_of(found.value, path))

    def _text_of(self, value: Any, path: str) -> str:
        """The text of what a path found, of the document's own or put together by the path."""
        written = self.raw(value)
        if written is not None:
            return written
        if not path.startswith("$") and (not self._places or _RARE_ESCAPE.search(self.text)):
            return gjson_text.get(self.text, path).raw
        return self.written(value)

    def written(self, value: Any) -> str:
        """A value as JSON text, its objects and lists as they were written in this document."""
        written = self.raw(value)
        if written is not None:
            return written
        match value:
            case list():
                return "[" + ",".join(map(self.written, value)) + "]"
            case dict():
                pairs = (f"{gojson.dumps(k)}:{self.written(v)}" for k, v in value.items())
                return "{" + ",".join(pairs) + "}"
            case _:
                return gjson.raw_of(value)

    @functools.cached_property
    def _spans(self) -> list[tuple[int, int]]:
        """Where each object and list stands, in the order they begin."""
        spans: list[tuple[int, int]] = []
        open_at: list[int] = []
        for match in _TOKEN.finditer(self.text):
            mark = match.group()
            if mark in "[{":
                open_at.append(len(spans))
                spans.append((match.start(), 0))
            elif mark in "]}":
                index = open_at.pop()
                spans[index] = (spans[index][0], match.end())
        return spans

    @functools.cached_property
    def _places(self) -> dict[int, tuple[int, int]]:
        """Where the objects and lists of the document stand, by identity; empty when unclear."""
        containers = [id(value) for value in _containers(self.document)]
        if len(containers) != len(self._spans):  # a key is there twice
            return {}
        return dict(zip(containers, self._spans, strict=True))

    def raw(self, value: Any) -> str | None:
        """How an object or list of this document was written; None for any other value."""
        if not isinstance(value, dict | list):
            return None
        place = self._places.get(id(value))
        return None if place is None else self.text[place[0] : place[1]]

    def texts(self, found: Result) -> tuple[str, str]:
        """(text form, JSON text) of a value found in this document.

        A number as JSON is its text form, too (`1.0` is `1`): a field for integers takes it.
        """
        if found.type == "String":
            return found.string, found.raw
        text = "null" if found.type == "Null" else found.string
        return text, found.raw if text.endswith("Inf") else text


def _containers(document: Any) -> Iterator[Any]:
    """Objects and lists in the order they begin in the text."""
    stack = [document]
    while stack:
        value = stack.pop()
        if isinstance(value, dict):
            yield value
            stack.extend(reversed(value.values()))
        elif isinstance(value, list):
            yield value
            stack.extend(reversed(value))


def lookup(document: Any, path: str) -> Result:
    """What `path` finds in a parsed document. Raises LangError."""
    if path.startswith("$"):
        found = jsonpath.find(document, path)
        if not found:
            return gjson.NOTHING
        return gjson.result_of(found[0] if len(found) == 1 else found)
    return gjson.get(document, path)
