"""gjson's modifiers: `@reverse`, `@keys`, `@flatten:{"deep":true}`, …"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lang import gojson
from lang.errors import LangError

Modifier = Callable[[Any, Any], Any]
Compile = Callable[[str], Callable[[Any], Any]]


def split(path: str) -> tuple[str, str, str, str]:
    """Name, argument text, separator, and rest of a path that starts with `@`."""
    end = next((i for i, c in enumerate(path) if c in ":.|"), len(path))
    name = path[1:end]
    if end == len(path) or path[end] != ":":
        return name, "", path[end : end + 1], path[end + 1 :]
    start = end + 1
    stop = _argument_end(path, start)
    return name, path[start:stop], path[stop : stop + 1], path[stop + 1 :]


def _argument_end(path: str, start: int) -> int:
    if path[start : start + 1] not in {"{", "[", '"', "("}:
        return next((i for i in range(start, len(path)) if path[i] == "|"), len(path))
    depth, quoted, i = 0, False, start
    while i < len(path):
        character = path[i]
        if character == "\\":
            i += 1
        elif character == '"':
            quoted = not quoted
            if not quoted and depth == 0:
                return i + 1
        elif not quoted and character in "([{":
            depth += 1
        elif not quoted and character in ")]}":
            depth -= 1
            if depth == 0:
                return i + 1
        i += 1
    return len(path)


def bind(modifier: Modifier, argument: str, compile_path: Compile) -> Callable[[Any], Any]:
    """The modifier with its argument. `@dig` takes a path, the others JSON."""
    from lang.gjson import MISSING

    if modifier is _dig:
        select = compile_path(argument)
        return lambda value: _dig(value, select)
    options: Any = None
    if argument:
        try:
            options = gojson.parse(argument)
        except LangError:
            options = argument
    of_nothing = _OF_NOTHING.get(modifier, MISSING)
    return lambda value: of_nothing if value is MISSING else modifier(value, options)


def _option(options: Any, name: str) -> bool:
    return isinstance(options, dict) and options.get(name) is True


def _this(value: Any, _: Any) -> Any:
    return value


def _reverse(value: Any, _: Any) -> Any:
    if isinstance(value, list):
        return value[::-1]
    if isinstance(value, dict):
        return dict(reversed(value.items()))
    return value


def _keys(value: Any, _: Any) -> Any:
    if isinstance(value, dict):
        return list(value)
    return [None] * (len(value) if isinstance(value, list) else 1)


def _values(value: Any, _: Any) -> Any:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else [value]


def _flatten(value: Any, options: Any) -> Any:
    """Lists within a list opened; not `deep`, their items keep the text between the brackets."""
    from lang import gjson_text
    from lang.gjson import raw_of

    if not isinstance(value, list):
        return value
    deep = _option(options, "deep")
    found = gjson_text.Array()
    texts: list[str] = []
    for item in value:
        if isinstance(item, list):
            inner = _flatten(item, options) if deep else item
            found += inner
            texts.append(raw_of(inner).strip()[1:-1])
        else:
            found.append(item)
            texts.append(raw_of(item))
    found.raw = "[" + ",".join(text for text in texts if text.strip()) + "]"
    return found


def _join(value: Any, _: Any) -> Any:
    if not isinstance(value, list):
        return value
    found: dict[str, Any] = {}
    for item in value:
        if isinstance(item, dict):
            found.update(item)
    return found


def _ugly(value: Any, _: Any) -> Any:
    from lang import gjson_text
    from lang.gjson import raw_of

    if not isinstance(value, (dict, list)):
        return value
    found = gjson_text.Object(value) if isinstance(value, dict) else gjson_text.Array(value)
    found.raw = gjson_text.compact(raw_of(value))
    return found


def _pretty(value: Any, options: Any) -> Any:
    from lang import gjson_pretty

    return gjson_pretty.formatted(value, options if isinstance(options, dict) else {})


def _tostr(value: Any, _: Any) -> Any:
    from lang.gjson import raw_of

    return raw_of(value)


def _fromstr(value: Any, _: Any) -> Any:
    from lang import gjson_text
    from lang.gjson import MISSING

    if not isinstance(value, str):
        return MISSING if value is None else value
    if not gjson_text.valid(value):
        return MISSING
    return gjson_text.Reader(value).document()


def _group(value: Any, _: Any) -> Any:
    from lang.gjson import MISSING

    if not isinstance(value, dict):
        return MISSING
    columns = {name: items for name, items in value.items() if isinstance(items, list)}
    rows = max(map(len, columns.values()), default=0)
    return [
        {name: items[i] for name, items in columns.items() if i < len(items)} for i in range(rows)
    ]


def _dig(value: Any, select: Any) -> Any:
    from lang.gjson import MISSING

    found: list[Any] = []
    stack = [] if value is MISSING else [value]
    while stack:
        at = stack.pop()
        here = select(at)
        if here is not MISSING:
            found.append(here)
        if isinstance(at, (dict, list)):
            below = list(at.values() if isinstance(at, dict) else at)
            stack += [b for b in reversed(below) if isinstance(b, (dict, list))]
    return found


TABLE: dict[str, Modifier] = {
    "this": _this,
    "valid": _this,
    "ugly": _ugly,
    "pretty": _pretty,
    "reverse": _reverse,
    "keys": _keys,
    "values": _values,
    "flatten": _flatten,
    "join": _join,
    "tostr": _tostr,
    "fromstr": _fromstr,
    "group": _group,
    "dig": _dig,
}

# What a modifier makes of a path that found nothing; the others make nothing of it.
_OF_NOTHING: dict[Modifier, Any] = {_keys: [], _values: [], _dig: [], _tostr: ""}
