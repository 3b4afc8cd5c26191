"""The functions Kubernetes adds to CEL for rules: lists and regular expressions.

Source: the Kubernetes CEL libraries (`isSorted`, `sum`, `min`, `max`, `indexOf`, `find`, …).
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

import re2


def extension(cel: Any) -> Any:
    """All of them, as one extension of the given CEL module."""
    dyn, boolean, integer, text = cel.Type.DYN, cel.Type.BOOL, cel.Type.INT, cel.Type.STRING
    list_ = cel.Type.List(dyn)
    texts = cel.Type.List(text)
    functions = [
        ("isSorted", boolean, [list_], _is_sorted),
        ("sum", dyn, [list_], lambda values: sum(_plain(values))),
        ("min", dyn, [list_], lambda values: min(_plain(values))),
        ("max", dyn, [list_], lambda values: max(_plain(values))),
        ("find", text, [text, text], _find),
        ("findAll", texts, [text, text], lambda value, pattern: _find_all(value, pattern, -1)),
        ("findAll", texts, [text, text, integer], _find_all),
    ]
    named: dict[str, list[Any]] = {}
    for name, result, parameters, implementation in functions:
        overload = cel.Overload(
            f"headrace_{name}_{len(parameters)}",
            result,
            parameters,
            is_member=True,
            impl=implementation,
        )
        named.setdefault(name, []).append(overload)
    declared = [cel.FunctionDecl(name, overloads) for name, overloads in named.items()]
    return cel.CelExtension("kubernetes", declared)


def _plain(values: Any) -> list[Any]:
    return [each.plain_value() if hasattr(each, "plain_value") else each for each in values]


def _is_sorted(values: Any) -> bool:
    plain = _plain(values)
    return all(a <= b for a, b in itertools.pairwise(plain))


_OPTIONS = re2.Options()
_OPTIONS.log_errors = False


@functools.lru_cache(maxsize=256)
def _pattern(source: str) -> Any:
    return re2.compile(source, _OPTIONS)


def _find(value: str, pattern: str) -> str:
    match = _pattern(pattern).search(value)
    return str(match[0]) if match else ""


def _find_all(value: str, pattern: str, limit: int) -> list[str]:
    found = [match[0] for match in _pattern(pattern).finditer(value)]
    return found if limit < 0 else found[:limit]
