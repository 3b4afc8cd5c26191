"""Dictionary functions. Source: sprig `dict.go`, mergo. `set`, `unset` and `merge` change their
first argument, as they do there; a template works on a copy of its data when it names one.
"""

from __future__ import annotations

import copy
from typing import Any

from lang import gotypes, treesize
from lang.gotypes import Strings
from lang.sprig import casting
from lang.sprig.registry import Table, fail, takes

CHANGING = frozenset(["set", "unset", "merge", "mergeOverwrite", "mustMerge", "mustMergeOverwrite"])


def _dict(*pairs: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for index in range(0, len(pairs), 2):
        value = pairs[index + 1] if index + 1 < len(pairs) else ""
        found[casting.text(pairs[index])] = value
    return found


def _set(target: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    if gotypes.is_nil(target):
        raise fail("assignment to entry in nil map")
    target[key] = value
    return target


def _unset(target: dict[str, Any], key: str) -> dict[str, Any]:
    target.pop(key, None)
    return target


def _keys(*tables: dict[str, Any]) -> Strings:
    return Strings(key for table in tables for key in table)


def _merge(target: dict[str, Any], *sources: dict[str, Any]) -> dict[str, Any]:
    treesize.check(target, *sources)
    for source in sources:
        _fill(target, source, overwrite=False)
    return target


def _merge_overwrite(target: dict[str, Any], *sources: dict[str, Any]) -> dict[str, Any]:
    treesize.check(target, *sources)
    for source in sources:
        _fill(target, source, overwrite=True)
    return target


def _fill(target: dict[str, Any], source: dict[str, Any], *, overwrite: bool) -> None:
    """mergo's rules: nil fills nothing, but overwrites; tables are merged, all else is replaced
    where it is empty or to be overwritten.
    """
    for key, value in source.items():
        mine = target.get(key)
        if value is None:
            if overwrite:
                target[key] = None
        elif isinstance(mine, dict) and isinstance(value, dict):
            _fill(mine, value, overwrite=overwrite)
        elif overwrite or casting.is_empty(mine):
            target[key] = copy.deepcopy(value)


def _unlike(value: Any, wanted: str) -> Exception:
    """Go's panic of a type assertion."""
    have = "nil" if value is None else gotypes.name(value)
    return fail(f"interface conversion: interface {{}} is {have}, not {wanted}")


def _dig(*arguments: Any) -> Any:
    if len(arguments) < 3:
        raise fail("dig needs at least three arguments")
    *keys, default, table = arguments
    if not isinstance(table, dict):
        raise _unlike(table, "map[string]interface {}")
    for key in keys:
        if not isinstance(key, str):
            raise _unlike(key, "string")
    node: Any = table
    for key in keys:
        if not isinstance(node, dict):
            raise _unlike(node, "map[string]interface {}")
        if key not in node:
            return default
        node = node[key]
    return node


def _copied(value: Any) -> Any:
    if value is None:
        raise fail("reflect: call of reflect.Value.Type on zero Value")
    treesize.check(value)
    return copy.deepcopy(value)


TABLE: Table = {
    "dict": takes("a*", _dict),
    "get": takes("ms", lambda table, key: table.get(key, "")),
    "set": takes("msa", _set),
    "unset": takes("ms", _unset),
    "hasKey": takes("ms", lambda table, key: key in table),
    "pluck": takes("sm*", lambda key, *tables: [t[key] for t in tables if key in t]),
    "keys": takes("m*", _keys),
    "values": takes("m", lambda table: list(table.values())),
    "pick": takes("ms*", lambda table, *names: {k: table[k] for k in names if k in table}),
    "omit": takes("ms*", lambda table, *names: {k: v for k, v in table.items() if k not in names}),
    "merge": takes("mm*", _merge),
    "mustMerge": takes("mm*", _merge),
    "mergeOverwrite": takes("mm*", _merge_overwrite),
    "mustMergeOverwrite": takes("mm*", _merge_overwrite),
    "dig": takes("a*", _dig),
    "deepCopy": takes("a", _copied),
    "mustDeepCopy": takes("a", _copied),
}
