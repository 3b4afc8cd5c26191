"""The builtin functions: how many arguments, and which one is a predicate."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signature:
    """`most` None: any number. `predicate` is the place of the predicate argument."""

    least: int
    most: int | None
    predicate: int | None = None


def _p(least: int, most: int | None, at: int = 1) -> Signature:
    return Signature(least, most, at)


_ONE = Signature(1, 1)
BUILTINS: dict[str, Signature] = {
    **dict.fromkeys(("all", "any", "one", "none", "filter", "map"), _p(2, 2)),
    **dict.fromkeys(("find", "findIndex", "findLast", "findLastIndex", "groupBy"), _p(2, 2)),
    "count": _p(1, 2),
    "sum": _p(1, 2),
    "sortBy": _p(2, 3),
    "reduce": _p(2, 3),
    **dict.fromkeys(
        ("len", "type", "abs", "int", "float", "string", "ceil", "floor", "round", "toJSON"), _ONE
    ),
    **dict.fromkeys(("fromJSON", "toBase64", "fromBase64", "upper", "lower"), _ONE),
    **dict.fromkeys(("keys", "values", "toPairs", "fromPairs", "reverse", "uniq"), _ONE),
    **dict.fromkeys(("first", "last", "flatten", "duration", "timezone", "bitnot"), _ONE),
    **dict.fromkeys(("max", "min", "mean", "median"), Signature(1, None)),
    "trim": Signature(1, 2),
    "trimPrefix": Signature(1, 2),
    "trimSuffix": Signature(1, 2),
    "split": Signature(2, 3),
    "splitAfter": Signature(2, 3),
    "replace": Signature(3, 4),
    "repeat": Signature(2, 2),
    "join": Signature(1, 2),
    "indexOf": Signature(2, 2),
    "lastIndexOf": Signature(2, 2),
    "hasPrefix": Signature(2, 2),
    "hasSuffix": Signature(2, 2),
    "now": Signature(0, 0),
    "date": Signature(1, 3),
    "take": Signature(2, 2),
    "get": Signature(2, 2),
    "concat": Signature(1, None),
    "sort": Signature(1, 2),
    **dict.fromkeys(
        ("bitand", "bitor", "bitxor", "bitnand", "bitshl", "bitshr", "bitushr"), Signature(2, 2)
    ),
}


def predicate_at(name: str) -> int | None:
    """Which argument of a builtin is a predicate; None for none."""
    signature = BUILTINS.get(name)
    return signature.predicate if signature else None
