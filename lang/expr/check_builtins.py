"""Argument types of the builtin functions. Source: expr-lang `builtin` and `checker`.

Three families, told apart by how they complain: predicates (`builtin map takes only array`),
functions with declared parameters (`cannot use int as argument`), and those that look at their
arguments themselves (`invalid argument for len`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lang.expr import nodes, signatures, types
from lang.expr.types import ARRAY, BOOL, FLOAT, INT, STRING, UNKNOWN, Type

if TYPE_CHECKING:
    from lang.expr.checker import Checker


def check(checker: Checker, node: nodes.Builtin) -> Type:
    """The type of a call. Raises LangError(TYPE)."""
    if node.name in PREDICATES:
        return _predicate(checker, node)
    found = [checker.visit(argument) for argument in node.arguments]
    declared = DECLARED.get(node.name)
    if declared is not None:
        return _declared(checker, node, found, declared)
    return LOOKING[node.name](checker, node, found)


# -- predicates -----------------------------------------------------------------------------

PREDICATES: dict[str, Callable[[Type, Type], Type]] = {
    **dict.fromkeys(("all", "any", "one", "none"), lambda _e, _b: BOOL),
    "filter": lambda element, _body: types.array(element),
    "map": lambda _element, body: types.array(body),
    **dict.fromkeys(("find", "findLast"), lambda element, _body: element),
    **dict.fromkeys(("findIndex", "findLastIndex", "count"), lambda _e, _b: INT),
    "sum": lambda _element, _body: UNKNOWN,
    "groupBy": lambda _element, _body: types.MAP,
    "sortBy": lambda element, _body: types.array(element),
    "reduce": lambda _element, _body: UNKNOWN,
}
TESTS = frozenset(
    "all any one none filter find findIndex findLast findLastIndex count".split()  # noqa: SIM905
)


def _predicate(checker: Checker, node: nodes.Builtin) -> Type:
    place = node.arguments[0]
    collection = checker.visit(place)
    if collection.kind not in {"array", "unknown"}:
        raise checker.fail(place, f"builtin {node.name} takes only array (got {collection})")
    element = collection.element or UNKNOWN
    body = element
    for argument in node.arguments[1:]:
        if isinstance(argument, nodes.Predicate):
            body = checker.predicate(argument, element)
            if node.name in TESTS and body.kind not in {"bool", "unknown"}:
                text = f"predicate should return boolean (got {body})"
                raise checker.fail(argument, text)
        else:
            checker.visit(argument)
    return PREDICATES[node.name](element, body)


# -- declared parameters --------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Declared:
    """The overloads, by their parameters, and what they return."""

    parameters: tuple[Type, ...]
    returns: Type


def _d(returns: Type, *parameters: Type) -> Declared:
    return Declared(parameters, returns)


DECLARED: dict[str, Declared] = {
    "type": _d(STRING, UNKNOWN),
    "string": _d(STRING, UNKNOWN),
    "toJSON": _d(STRING, UNKNOWN),
    "fromJSON": _d(UNKNOWN, STRING),
    **dict.fromkeys(("upper", "lower", "toBase64", "fromBase64"), _d(STRING, STRING)),
    **dict.fromkeys(("trim", "trimPrefix", "trimSuffix"), _d(STRING, STRING, STRING)),
    **dict.fromkeys(("split", "splitAfter"), _d(types.STRINGS, STRING, STRING, INT)),
    "replace": _d(STRING, STRING, STRING, STRING, INT),
    "repeat": _d(STRING, STRING, INT),
    "join": _d(STRING, ARRAY, STRING),
    **dict.fromkeys(("indexOf", "lastIndexOf"), _d(INT, STRING, STRING)),
    **dict.fromkeys(("hasPrefix", "hasSuffix"), _d(BOOL, STRING, STRING)),
    "now": _d(types.TIME, UNKNOWN),
    "date": _d(types.TIME, UNKNOWN, UNKNOWN, UNKNOWN),
    "duration": _d(types.DURATION, STRING),
    "timezone": _d(types.LOCATION, STRING),
    "bitnot": _d(INT, INT),
    **dict.fromkeys(
        ("bitand", "bitor", "bitxor", "bitnand", "bitshl", "bitshr", "bitushr"), _d(INT, INT, INT)
    ),
}


def _declared(checker: Checker, node: nodes.Builtin, found: list[Type], declared: Declared) -> Type:
    signature = signatures.BUILTINS[node.name]
    if len(found) < signature.least:
        raise checker.fail(node, f"not enough arguments to call {node.name}")
    if signature.most is not None and len(found) > signature.most:
        raise checker.fail(node, f"too many arguments to call {node.name}")
    for argument, have, want in zip(node.arguments, found, declared.parameters, strict=False):
        if not types.assignable(have, want):
            text = f"cannot use {have} as argument (type {want}) to call {node.name} "
            raise checker.fail(argument, text)
    return declared.returns


# -- those that look themselves -------------------------------------------------------------

Look = Callable[["Checker", nodes.Builtin, list[Type]], Type]


def _count(checker: Checker, node: nodes.Builtin, found: list[Type], *allowed: int) -> None:
    if len(found) not in allowed:
        wanted = " or ".join(map(str, allowed))
        text = f"invalid number of arguments (expected {wanted}, got {len(found)})"
        raise checker.fail(node, text)


def _shown(have: Type) -> str:
    return "%!s(<nil>)" if have.kind == "nil" else str(have)


def _one_of(kinds: frozenset[str], returns: Callable[[Type], Type]) -> Look:
    def look(checker: Checker, node: nodes.Builtin, found: list[Type]) -> Type:
        _count(checker, node, found, 1)
        if found[0].kind not in kinds and found[0].kind != "unknown":
            text = f"invalid argument for {node.name} (type {_shown(found[0])})"
            raise checker.fail(node, text)
        return returns(found[0])

    return look


def _numbers(returns: Callable[[list[Type]], Type]) -> Look:
    def look(checker: Checker, node: nodes.Builtin, found: list[Type]) -> Type:
        if not found:
            raise checker.fail(node, f"not enough arguments to call {node.name}")
        for have in found:
            if have.kind not in {*types.NUMBERS, "array", "unknown"}:
                text = f"invalid argument for {node.name} (type {_shown(have)})"
                raise checker.fail(node, text)
        return returns(found)

    return look


def _collection(kind: str, complaint: str, returns: Callable[[Type], Type]) -> Look:
    def look(checker: Checker, node: nodes.Builtin, found: list[Type]) -> Type:
        _count(checker, node, found, 1)
        if found[0].kind not in {kind, "unknown"}:
            raise checker.fail(node, complaint.format(_shown(found[0])))
        return returns(found[0])

    return look


def _get(checker: Checker, node: nodes.Builtin, found: list[Type]) -> Type:
    _count(checker, node, found, 2)
    base, key = found
    if base.kind == "unknown":
        return UNKNOWN
    if base.kind == "array":
        if key.kind not in {*types.INTEGERS, "unknown"}:
            raise checker.fail(node.arguments[1], f"non-integer slice index {key}")
        return base.element or UNKNOWN
    if base.kind == "map":
        if key.kind not in {"string", "unknown"}:
            text = f"cannot use {key} to get an element from {base}"
            raise checker.fail(node.arguments[1], text)
        return base.element or UNKNOWN
    raise checker.fail(node.arguments[0], f"type {base} does not support indexing")


def _take(checker: Checker, node: nodes.Builtin, found: list[Type]) -> Type:
    _count(checker, node, found, 2)
    if found[0].kind not in {"array", "unknown"}:
        raise checker.fail(node, f"cannot take from {_shown(found[0])}")
    if found[1].kind not in {*types.INTEGERS, "unknown"}:
        raise checker.fail(node, f"cannot take {_shown(found[1])} elements")
    return found[0] if found[0].kind == "array" else ARRAY


def _concat(checker: Checker, node: nodes.Builtin, found: list[Type]) -> Type:
    if not found:
        text = "invalid number of arguments (expected at least 1, got 0)"
        raise checker.fail(node, text)
    for have in found:
        if have.kind not in {"array", "unknown"}:
            raise checker.fail(node, f"cannot concat {_shown(have)}")
    return ARRAY


def _sort(checker: Checker, node: nodes.Builtin, found: list[Type]) -> Type:
    _count(checker, node, found, 1, 2)
    if found[0].kind not in {"array", "unknown"}:
        raise checker.fail(node, f"cannot sort {_shown(found[0])}")
    if len(found) == 2 and found[1].kind not in {"string", "unknown"}:
        text = f"invalid argument for sort (expected string, got {_shown(found[1])})"
        raise checker.fail(node, text)
    return found[0] if found[0].kind == "array" else ARRAY


_ROUND = _one_of(types.NUMBERS, lambda _have: FLOAT)


def _element(have: Type) -> Type:
    return have.element or UNKNOWN


def _same(have: Type) -> Type:
    return have if have.kind == "array" else ARRAY


LOOKING: dict[str, Look] = {
    "len": _one_of(frozenset(["array", "map", "string"]), lambda _have: INT),
    "abs": _one_of(types.NUMBERS, lambda have: have),
    **dict.fromkeys(("ceil", "floor", "round"), _ROUND),
    "int": _one_of(types.NUMBERS | {"string"}, lambda _have: INT),
    "float": _one_of(types.NUMBERS | {"string"}, lambda _have: FLOAT),
    **dict.fromkeys(("max", "min"), _numbers(lambda found: _widest(found))),
    **dict.fromkeys(("mean", "median"), _numbers(lambda _found: FLOAT)),
    "first": _collection("array", "cannot get first element from {}", _element),
    "last": _collection("array", "cannot get last element from {}", _element),
    "keys": _collection("map", "cannot get keys from {}", lambda _have: ARRAY),
    "values": _collection("map", "cannot get values from {}", lambda _have: ARRAY),
    "toPairs": _collection("map", "cannot transform {} to pairs", lambda _have: ARRAY),
    "fromPairs": _collection("array", "cannot transform {} from pairs", lambda _have: types.MAP),
    "reverse": _collection("array", "cannot reverse {}", _same),
    "uniq": _collection("array", "cannot uniq {}", _same),
    "flatten": _collection("array", "cannot flatten {}", lambda _have: ARRAY),
    "get": _get,
    "take": _take,
    "concat": _concat,
    "sort": _sort,
}


def _widest(found: list[Type]) -> Type:
    kinds = {have.kind for have in found}
    if kinds <= types.NUMBERS:
        return FLOAT if "float" in kinds else found[0]
    return UNKNOWN
