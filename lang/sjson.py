"""Setting and deleting by path: `spec.arguments.parameters.0.value`, `items.-1`, `a\\.b`.

Owns the path grammar of writes and what it makes of odd documents: missing objects and lists are
made, lists are padded with null, `-1` appends, `:3` is a key and no index. A path with query
characters changes every match, and nothing where there is none. Documents are never changed in
place. Semantics: sjson 1.2.5. Caller: trigger parameters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lang import gjson, gojson, sjson_places
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError

MOST_PADDING = 100_000
_QUERY = frozenset("|#@*?")


@dataclass(frozen=True, slots=True)
class Part:
    """One component of a path."""

    text: str
    forced: bool  # `:key`: a key even where it looks like an index


def set(document: Any, path: str, value: Any) -> Any:
    """The document with `value` at `path`. `document` None: there is none yet.

    Raises LangError(VALUE) for a path that does not fit the document, LIMIT for absurd ones.
    """
    parts, query = parse(path)
    if query:
        return _set_matches(document, path, value)
    return _put(document, parts, value)


def set_raw(document: Any, path: str, json_text: str) -> Any:
    """Like `set`, with the value as JSON text."""
    return set(document, path, gojson.parse(json_text))


def delete(document: Any, path: str) -> Any:
    """The document without what is at `path`; a missing path changes nothing."""
    parts, _ = parse(path)
    return _remove(document, parts)


def parse(path: str) -> tuple[list[Part], bool]:
    """The components, and whether gjson must look them up."""
    if not path:
        raise LangError(ErrorKind.VALUE, "path cannot be empty", 0)
    if len(path) > DEFAULT_LIMITS.source:
        raise LangError(ErrorKind.LIMIT, "path is too long", 0)
    parts: list[Part] = []
    text: list[str] = []
    forced = query = False
    i = 0
    while i < len(path):
        character = path[i]
        if character == "\\":
            i += 1
            text.append(path[i : i + 1])
        elif character == ".":
            parts.append(Part("".join(text), forced))
            text, forced = [], False
        elif character == ":" and not text and not forced:
            forced = True
        else:
            query = query or character in _QUERY
            text.append(character)
        i += 1
    parts.append(Part("".join(text), forced))
    if len(parts) > DEFAULT_LIMITS.nesting:
        raise LangError(ErrorKind.LIMIT, "path is nested too deeply", 0)
    return parts, query


def _put(at: Any, parts: list[Part], value: Any) -> Any:
    """`at` with the value; `at` is MISSING where nothing stands there yet."""
    if not parts:
        return value
    part, rest = parts[0], parts[1:]
    if isinstance(at, list):
        return _put_item(at, part, rest, value)
    if isinstance(at, dict):
        return {**at, part.text: _put(at.get(part.text, gjson.MISSING), rest, value)}
    index = index_of(part)
    if index is None or (index < 0 and at is not gjson.MISSING):  # no list instead of a scalar
        return {part.text: _put(gjson.MISSING, rest, value)}
    return _put_item([], part, rest, value)


def _put_item(at: list[Any], part: Part, rest: list[Part], value: Any) -> list[Any]:
    index = item_index(part, len(at))
    items = list(at)
    if index < 0:
        return [*items, _put(gjson.MISSING, rest, value)]
    items += [None] * (padding(index, len(items)) + (index >= len(items)))
    items[index] = _put(at[index] if index < len(at) else gjson.MISSING, rest, value)
    return items


def item_index(part: Part, size: int) -> int:
    """The index that a component means in a list, -1 to append. Raises LangError(VALUE)."""
    text = part.text
    if not text or (text == "-1" and not part.forced):
        return -1
    digits = text.isascii() and text.isdigit() and len(text) < 10
    if not digits or (part.forced and int(text) >= size):
        message = f"cannot set array element for non-numeric key '{text}'"
        raise LangError(ErrorKind.VALUE, message, 0)
    return int(text)


def padding(index: int, size: int) -> int:
    """How many nulls come before an index beyond a list. Raises LangError(LIMIT)."""
    if index - size > MOST_PADDING:
        raise LangError(ErrorKind.LIMIT, f"index {index} is too far beyond the list", 0)
    return max(0, index - size)


def index_of(part: Part) -> int | None:
    """The index that a component means where a list must be made; None for a key."""
    if part.forced:
        return None
    if part.text == "-1":
        return -1
    if not part.text:
        return 0  # as the reference reads an empty component
    digits = part.text.isascii() and part.text.isdigit() and len(part.text) < 10
    return int(part.text) if digits else None


def _remove(at: Any, parts: list[Part]) -> Any:
    part, rest = parts[0], parts[1:]
    if isinstance(at, dict) and part.text in at:
        if rest:
            return {**at, part.text: _remove(at[part.text], rest)}
        return {k: v for k, v in at.items() if k != part.text}
    index = index_of(part)
    if isinstance(at, list) and index is not None:
        if index < 0:
            index = len(at) - 1
        if 0 <= index < len(at):
            if rest:
                return [_remove(v, rest) if i == index else v for i, v in enumerate(at)]
            return at[:index] + at[index + 1 :]
    return at


def _set_matches(document: Any, path: str, value: Any) -> Any:
    """Replace whatever gjson finds at the path, wherever it stands."""
    for place in sjson_places.find(document, path):
        document = sjson_places.replaced(document, place, value)
    return document
