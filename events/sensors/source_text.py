"""A parsed JSON document that still knows how its parts were written.

A path finds values in the parsed document; what a trigger gets of an object or list is the text
the sender wrote, blanks included. The first of duplicate keys counts, as for gjson.
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


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else dict(reversed(pairs))


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
            return _DECODER.decode(self.text)
        except (ValueError, RecursionError):
            return gojson.parse(self.text)

    @functools.cached_property
    def floats(self) -> Any:
        """The document as Go's JSON decoder gives it to templates: every number a float64."""
        return gojson.plain_floats(self.document)

    def find(self, path: str) -> Result:
        """The value at a gjson path; beginning with `$` it is JSONPath.

        Modifiers (`@tostr`, `@pretty`) work on the text itself.
        """
        if "@" in path and not path.startswith("$"):
            return gjson_text.get(self.text, path)
        return lookup(self.document, path)

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

    def raw(self, value: Any) -> str | None:
        """How an object or list of this document was written; None for any other value."""
        if not isinstance(value, dict | list):
            return None
        position = next(
            (n for n, found in enumerate(_containers(self.document)) if found is value), None
        )
        total = sum(1 for _ in _containers(self.document))
        if position is None or total != len(self._spans):
            return None
        start, end = self._spans[position]
        return self.text[start:end]

    def texts(self, found: Result) -> tuple[str, str]:
        """(text form, JSON text) of a value found in this document."""
        written = self.raw(found.value)
        if written is not None:
            return written, written
        return ("null" if found.type == "Null" else found.string), found.raw


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
