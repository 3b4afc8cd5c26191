"""Readers of single values: what JSON each scalar type takes, and what it becomes.

Called by `crds.decode` only. A reader gets a value, its path and the findings so far; a wrong
value is recorded and replaced by the type's zero, so that one pass finds all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from crds.errors import FieldError
from crds.shape import Scalar
from lang import strconv

Path = tuple[Any, str | int] | None
"""A path as nested pairs, the last element outside: cheap to extend, written out when needed."""


def text_of(path: Path) -> str:
    """`spec.templates[2].name`."""
    parts: list[str] = []
    while path is not None:
        path, last = path
        parts.append(f"[{last}]" if isinstance(last, int) else f".{last}")
    return "".join(reversed(parts)).removeprefix(".")


def steps(path: Path) -> list[str | int]:
    """The keys and indexes from the root on."""
    found: list[str | int] = []
    while path is not None:
        path, last = path
        found.append(last)
    return found[::-1]


class Findings:
    """What one decoding found: wrong types and unknown fields."""

    __slots__ = ("errors", "fold", "unknown", "unknown_at")

    def __init__(self, *, fold: bool = False) -> None:
        """`fold`: field names may be written in another case, as lax Go decoding allows."""
        self.fold = fold
        self.errors: list[FieldError] = []
        self.unknown: list[str] = []
        self.unknown_at: list[Path] = []  # the same, as paths

    def wrong(self, path: Path, wanted: str, value: object, instead: Any) -> Any:
        """Record that `value` is not what is wanted; go on with `instead`."""
        message = f"must be {wanted}, not {_named(value)}"
        self.errors.append(FieldError(text_of(path), message))
        return instead

    def fault(self, path: Path, message: str) -> None:
        """Record what is wrong with the value at `path`."""
        self.errors.append(FieldError(text_of(path), message))

    def unknown_field(self, path: Path, key: object) -> None:
        """Record a field that the type does not have."""
        self.unknown.append(text_of((path, str(key))))
        self.unknown_at.append((path, str(key)))


Reader = Callable[[Any, Path, Findings], Any]


def _named(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return f"the boolean {str(value).lower()}"
        case int() | float():
            return f"the number {value}"
        case str():
            return f"the text {value[:40]!r}"
        case list():
            return "a list"
        case _:
            return "an object"


def list_of(item: Reader) -> Reader:
    """A list; a null in it is the type's zero."""

    def read(value: Any, path: Path, findings: Findings) -> Any:
        if value is None:
            return []
        if not isinstance(value, list):
            return findings.wrong(path, "a list", value, [])
        return [item(each, (path, index), findings) for index, each in enumerate(value)]

    return read


def map_of(item: Reader) -> Reader:
    """An object with any keys."""

    def read(value: Any, path: Path, findings: Findings) -> Any:
        if value is None:
            return {}
        if not isinstance(value, dict):
            return findings.wrong(path, "an object", value, {})
        return {key: item(each, (path, key), findings) for key, each in value.items()}

    return read


def _text(value: Any, path: Path, findings: Findings) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return str(findings.wrong(path, "a text (put it in quotes)", value, ""))


def _boolean(value: Any, path: Path, findings: Findings) -> bool:
    if isinstance(value, bool) or value is None:
        return bool(value)
    return bool(findings.wrong(path, "true or false", value, False))


def _integer(bits: int) -> Reader:
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1

    def read(value: Any, path: Path, findings: Findings) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if value is None:
            return 0
        if isinstance(value, bool) or not isinstance(value, int):
            return int(findings.wrong(path, "a whole number", value, 0))
        if not low <= value <= high:
            return int(findings.wrong(path, f"a whole number of {bits} bits", value, 0))
        return value

    return read


def _number(value: Any, path: Path, findings: Findings) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return float(findings.wrong(path, "a number", value, 0.0))


def _int_or_string(value: Any, path: Path, findings: Findings) -> int | str:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -(2**31) <= value < 2**31:
        wanted = "a whole number of 32 bits or a text"
        return int(findings.wrong(path, wanted, value, 0))
    return value


def _quantity(value: Any, path: Path, findings: Findings) -> int | float | str:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return value
    return str(findings.wrong(path, "a quantity such as 500m or 1Gi", value, "0"))


def _any_string(value: Any, path: Path, findings: Findings) -> str:
    """Numbers go through float64 and print without exponent; a list or object gives ""."""
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int() | float():
            try:
                return strconv.format_float(float(value))
            except OverflowError:
                return str(findings.wrong(path, "a number of 64 bits", value, ""))
        case _:
            return ""


def _items(value: Any, path: Path, findings: Findings) -> list[Any] | str:
    """A list; a text with a tag is taken too, an extension of headrace."""
    if isinstance(value, list | str):
        return value
    return list(findings.wrong(path, "a list", value, []))


def _amount(value: Any, path: Path, findings: Findings) -> float | str:
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return value
    return str(findings.wrong(path, "a number, or a text that holds one", value, ""))


def _int64_or_duration(value: Any, path: Path, findings: Findings) -> int | str:
    if isinstance(value, str):
        return value
    return int(_integer(64)(value, path, findings))


def _object(value: Any, path: Path, findings: Findings) -> Any:
    if isinstance(value, dict):
        return value
    return findings.wrong(path, "an object", value, {})


def _plugin(value: Any, path: Path, findings: Findings) -> Any:
    given = _object(value, path, findings)
    if isinstance(value, dict) and len(value) != 1:
        findings.fault(path, f"expected exactly one key, got {len(value)}")
    return given


def _raw(value: Any, path: Path, findings: Findings) -> Any:
    return value


PLAIN: dict[Any, Reader] = {
    str: _text,
    bool: _boolean,
    int: _integer(64),
    float: _number,
    dict: _object,
    Any: _raw,
}
"""Readers by Python type."""

MARKED: dict[Scalar, Reader] = {
    Scalar.ANY_STRING: _any_string,
    Scalar.INT_OR_STRING: _int_or_string,
    Scalar.INT32: _integer(32),
    Scalar.TIME: _text,
    Scalar.ITEM: _raw,
    Scalar.ITEMS: _items,
    Scalar.AMOUNT: _amount,
    Scalar.INT64_OR_DURATION: _int64_or_duration,
    Scalar.PLUGIN: _plugin,
}
"""Readers of the marked types."""

KUBERNETES: dict[str, Reader] = {
    "string": _text,
    "boolean": _boolean,
    "int32": _integer(32),
    "int64": _integer(64),
    "number": _number,
    "quantity": _quantity,
    "intOrString": _int_or_string,
    "time": _text,
    "json": _raw,
}
"""Readers of the scalars in Kubernetes' table."""
