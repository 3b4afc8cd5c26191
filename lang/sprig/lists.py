"""List functions. Source: sprig `list.go`. Lists are copied, never changed."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from lang import gofmt, gotypes, treesize
from lang.sprig import casting
from lang.sprig.registry import Table, bounded, fail, takes

_NIL = "runtime error: invalid memory address or nil pointer dereference"


def _list(what: str, value: Any) -> list[Any]:
    if value is None:
        raise fail(_NIL)
    if not isinstance(value, list):
        raise fail(f"Cannot {what} type {_kind(value)}")
    return value


def _kind(value: Any) -> str:
    from lang.sprig import reflection

    return reflection.kind_of(value)


def _edge(what: str, value: Any, index: int) -> Any:
    items = _list(f"find {what} on", value)
    return items[index] if items else None


def _part(what: str, value: Any, part: slice) -> Any:
    items = _list(f"find {what} on", value)
    return items[part] if items else gotypes.NoList()


def _key(value: Any) -> Hashable:
    """Two values have the same key where they are deeply equal; NaN equals nothing."""
    if isinstance(value, (list, dict)):
        return gofmt.sharp_v(value)
    if isinstance(value, float) and value != value:
        return object()
    return gofmt.type_name(value), value


def _uniq(value: Any) -> list[Any]:
    items = _list("find uniq on", value)
    treesize.check(items)
    first: dict[Hashable, Any] = {}
    for item in items:
        first.setdefault(_key(item), item)
    return list(first.values())


def _without(value: Any, *unwanted: Any) -> list[Any]:
    items = _list("find without on", value)
    treesize.check(items, *unwanted)
    keys = set(map(_key, unwanted))
    return [item for item in items if _key(item) not in keys]


def _has(needle: Any, value: Any) -> bool:
    if value is None:
        return False
    items = _list("find has on", value)
    treesize.check(items, needle)
    wanted = _key(needle)
    return any(_key(item) == wanted for item in items)


_TYPED = (gotypes.Strings, gotypes.Ints, gotypes.Lists)


def _slice(value: Any, *bounds: Any) -> Any:
    if value is None:
        raise fail(_NIL)
    if not isinstance(value, list):
        raise fail(f"list should be type of slice or array but {_kind(value)}")
    if not value:
        return None
    low = casting.to_int(bounds[0]) if bounds else 0
    high = casting.to_int(bounds[1]) if len(bounds) > 1 else len(value)
    if high > len(value) or low < 0 or low > high:
        raise fail("reflect.Value.Slice: slice index out of bounds")
    found = value[low:high]
    return type(value)(found) if isinstance(value, _TYPED) else found


def _concatenated(value: Any) -> list[Any]:
    if value is not None and not isinstance(value, list):
        raise fail(f"Cannot concat type {_kind(value)} as list")
    return _list("concat", value)


def _concat(*values: Any) -> list[Any]:
    bounded(sum(len(value) for value in values if isinstance(value, list)))
    found = [item for value in values for item in _concatenated(value)]
    return found or gotypes.NoList()


def _chunk(size: int, value: Any) -> list[Any]:
    items = _list("chunk", value)
    count = (len(items) - 1) // size + 1 if size else -1
    if count < 0 or (count and size < 0):
        raise fail("runtime error: makeslice: len out of range")
    return gotypes.Lists(items[i * size : (i + 1) * size] for i in range(count))


def _compact(value: Any) -> list[Any]:
    return [item for item in _list("compact on", value) if not casting.is_empty(item)]


_PLAIN: Table = {
    "append": takes("aa", lambda value, item: [*_list("push on", value), item]),
    "prepend": takes("aa", lambda value, item: [item, *_list("prepend on", value)]),
    "first": takes("a", lambda value: _edge("first", value, 0)),
    "last": takes("a", lambda value: _edge("last", value, -1)),
    "rest": takes("a", lambda value: _part("rest", value, slice(1, None))),
    "initial": takes("a", lambda value: _part("initial", value, slice(None, -1))),
    "reverse": takes("a", lambda value: _list("find reverse on", value)[::-1]),
    "uniq": takes("a", _uniq),
    "without": takes("aa*", _without),
    "has": takes("aa", _has),
    "slice": takes("aa*", _slice),
    "chunk": takes("ia", _chunk),
    "compact": takes("a", _compact),
}


def _must(name: str) -> str:
    return "must" + name[0].upper() + name[1:]


TABLE: Table = {
    "list": takes("a*", lambda *values: list(values)),
    "tuple": takes("a*", lambda *values: list(values)),
    "concat": takes("a*", _concat),
    "push": _PLAIN["append"],
    "mustPush": _PLAIN["append"],
    **_PLAIN,
    **{_must(name): function for name, function in _PLAIN.items()},
}
