"""Where a path with queries points in a document: keys and indexes, not values.

Two equal values may be one object in Python; a place is never two. Semantics: what gjson finds
by keys, patterns, `#`, `#(…)` and `#(…)#`. A path through a modifier, a pipe or a multipath has
no place. Caller: `sjson`, to replace what is found.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lang import gjson, gjson_path, gjson_query

Place = tuple[str | int, ...]


def find(document: Any, path: str) -> list[Place]:
    """The places, in the order of the document; none where the path finds nothing."""
    if path.startswith(("@", "!", "{", "[", "..")):
        return []
    part = gjson_path.split(path)
    if part.separator == "|":
        return []
    return list(_of_list(document, part) if part.each or part.query else _of_key(document, part))


def _of_key(value: Any, part: gjson_path.Part) -> Iterator[Place]:
    """The first key that fits and under which the rest is found."""
    if isinstance(value, list):
        if gjson.child(value, part.text, pattern=part.pattern) is not gjson.MISSING:
            index = int(part.text)
            yield from _below(index, value[index], part)
        return
    if not isinstance(value, dict):
        return
    if not part.pattern:
        keys = [part.text] if part.text in value else []
    else:
        fits = gjson_query.matcher(part.text)
        keys = [key for key in value if fits(key)]
    for key in keys:
        below = list(_below(key, value[key], part))
        yield from below
        if below:
            return


def _of_list(value: Any, part: gjson_path.Part) -> Iterator[Place]:
    if not isinstance(value, list) or (part.each and not part.separator):
        return  # `#` alone is a count
    test = gjson_query.compile_query(part.query, gjson.compiled) if part.query else None
    for index, item in enumerate(value):
        if test is None or test(item):
            yield from _below(index, item, part)
            if test is not None and not part.all:
                return


def _below(key: str | int, value: Any, part: gjson_path.Part) -> Iterator[Place]:
    if not part.separator:
        yield (key,)
        return
    for place in find(value, part.rest):
        yield (key, *place)


def replaced(document: Any, place: Place, value: Any) -> Any:
    """The document with `value` at a place that it has; what is around it is copied."""
    if not place:
        return value
    key, rest = place[0], place[1:]
    if isinstance(key, int):
        return [replaced(v, rest, value) if i == key else v for i, v in enumerate(document)]
    return {**document, key: replaced(document[key], rest, value)}
