"""Values and operators: Go's types, as far as an expression can tell them apart.

Integers wrap at 64 bits, `/` and `**` give floats, comparisons want the same type of thing.
Source: expr-lang `vm/runtime`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lang import gotime, regex, strconv
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError
from lang.gotypes import Duration as Duration
from lang.gotypes import Int64 as Int64
from lang.gotypes import Strings as Strings


@dataclass(frozen=True, slots=True)
class Location:
    """A time zone."""

    name: str


class Function:
    """A function of the environment, callable with positional arguments.

    `type`: the static type of the function for the checker, None where nothing is known.
    """

    __slots__ = ("call", "name", "type")

    def __init__(self, name: str, call: Callable[..., Any], type: Any = None) -> None:
        self.name = name
        self.call = call
        self.type = type


class Struct(dict[str, Any]):
    """A Go struct: fields that are known before anything runs. `text` is its type's name."""

    __slots__ = ("text",)

    def __init__(self, text: str, fields: Mapping[str, Any]) -> None:
        super().__init__(fields)
        self.text = text


class Header(dict[str, Any]):
    """A Go http.Header: lists by canonical name, with `Get`."""

    __slots__ = ()


def type_name(value: Any) -> str:
    """As `type()` says it, and as messages do."""
    match value:
        case None:
            return "nil"
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float"
        case str():
            return "string"
        case list():
            return "array"
        case dict():
            return "map"
        case bytes():
            return "bytes"
        case datetime():
            return "time"
        case Duration():
            return "duration"
        case Location():
            return "location"
        case Function():
            return "func"
        case _:
            return "unknown"


GO_TYPES = {
    "nil": "<nil>", "float": "float64", "array": "[]interface {}", "map": "map[string]interface {}",
    "bytes": "[]uint8", "time": "time.Time", "duration": "time.Duration", "func": "func",
    "location": "*time.Location",
}  # fmt: skip


def go_type(value: Any) -> str:
    """As Go's %T says it."""
    if isinstance(value, Strings):
        return "[]string"
    if isinstance(value, Int64):
        return "int64"
    if isinstance(value, Header):
        return "http.Header"
    if isinstance(value, Struct):
        return value.text
    name = type_name(value)
    return GO_TYPES.get(name, name)


def conversion(value: Any, wanted: str) -> LangError:
    """Go's panic of a type assertion."""
    have = "nil" if value is None else go_type(value)
    text = f"interface conversion: interface {{}} is {have}, not {wanted}"
    return LangError(ErrorKind.TYPE, text)


def is_number(value: Any) -> bool:
    """An int or a float, and no bool."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def equal(left: Any, right: Any) -> bool:
    """`==`: numbers by value, the rest by type and content."""
    if is_number(left) and is_number(right):
        return bool(left == right)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(v, right[k]) for k, v in left.items())
    return type(left) is type(right) and bool(left == right)


def less(operator: str, left: Any, right: Any) -> bool:
    """An ordering comparison. Raises LangError."""
    if not (is_number(left) and is_number(right)):
        same = type(left) is type(right) and isinstance(left, (str, datetime, Duration))
        if not same:
            raise invalid(operator, left, right)
    match operator:
        case "<":
            return bool(left < right)
        case "<=":
            return bool(left <= right)
        case ">":
            return bool(left > right)
        case _:
            return bool(left >= right)


def invalid(operator: str, left: Any, right: Any) -> LangError:
    """The error of an operator that these two do not have."""
    text = f"invalid operation: {go_type(left)} {operator} {go_type(right)}"
    return LangError(ErrorKind.TYPE, text)


def add(left: Any, right: Any) -> Any:
    """`+`: numbers, texts, times."""
    if is_number(left) and is_number(right):
        return _number(left + right)
    if isinstance(left, str) and isinstance(right, str):
        if len(left) + len(right) > DEFAULT_LIMITS.result:
            raise LangError(ErrorKind.LIMIT, "memory budget exceeded")
        return left + right
    match left, right:
        case datetime(), Duration():
            return left + timedelta(microseconds=right.nanoseconds / 1000)
        case Duration(), datetime():
            return right + timedelta(microseconds=left.nanoseconds / 1000)
        case Duration(), Duration():
            return Duration(left.nanoseconds + right.nanoseconds)
        case _:
            raise invalid("+", left, right)


def subtract(left: Any, right: Any) -> Any:
    """`-`: numbers and times."""
    if is_number(left) and is_number(right):
        return _number(left - right)
    match left, right:
        case datetime(), datetime():
            return Duration(round((left - right).total_seconds() * 1e9))
        case datetime(), Duration():
            return left - timedelta(microseconds=right.nanoseconds / 1000)
        case Duration(), Duration():
            return Duration(left.nanoseconds - right.nanoseconds)
        case _:
            raise invalid("-", left, right)


def multiply(left: Any, right: Any) -> Any:
    """`*`: numbers, and durations by numbers."""
    if is_number(left) and is_number(right):
        return _number(left * right)
    match left, right:
        case Duration(), int() | float():
            return Duration(int(left.nanoseconds * right))
        case int() | float(), Duration():
            return Duration(int(left * right.nanoseconds))
        case _:
            raise invalid("*", left, right)


def divide(left: Any, right: Any) -> float:
    """`/`: always a float; by zero as IEEE has it."""
    if not (is_number(left) and is_number(right)):
        raise invalid("/", left, right)
    if right == 0:
        if left == 0 or left != left:
            return float("nan")
        return float("inf") if (left > 0) == (str(float(right))[0] != "-") else float("-inf")
    return float(left) / float(right)


def modulo(left: Any, right: Any) -> int:
    """`%`: integers, the sign of the left."""
    integers = isinstance(left, int) and isinstance(right, int)
    if not integers or isinstance(left, bool) or isinstance(right, bool):
        raise invalid("%", left, right)
    if right == 0:
        raise LangError(ErrorKind.VALUE, "integer divide by zero")
    return int(abs(left) % abs(right)) * (-1 if left < 0 else 1)


def power(left: Any, right: Any) -> float:
    """`**`: always a float."""
    if not (is_number(left) and is_number(right)):
        raise invalid("**", left, right)
    try:
        found = float(left) ** float(right)
    except OverflowError:
        return float("inf")
    except ZeroDivisionError:
        return float("inf")
    return float("nan") if isinstance(found, complex) else found


def negate(value: Any) -> Any:
    """Unary `-`."""
    if isinstance(value, Duration):
        return Duration(-value.nanoseconds)
    if not is_number(value):
        raise LangError(ErrorKind.TYPE, f"invalid operation: - {go_type(value)}")
    return _number(-value)


def _number(value: Any) -> Any:
    return strconv.wrap_int64(value) if isinstance(value, int) else value


_KEY = "reflect.Value.MapIndex: value of type {} is not assignable to type string"


def contains(item: Any, place: Any) -> bool:
    """`in`."""
    match place:
        case None:
            return False
        case list():
            return any(equal(item, each) for each in place)
        case dict():
            if item is None:
                return False
            if not isinstance(item, str):
                raise LangError(ErrorKind.TYPE, _KEY.format(go_type(item)))
            return item in place
        case _:
            text = f'operator "in" not defined on {go_type(place)}'
            raise LangError(ErrorKind.TYPE, text)


def text_operator(operator: str, left: Any, right: Any) -> bool:
    """`matches`, `contains`, `startsWith`, `endsWith`."""
    if left is None or right is None:
        return False
    if not isinstance(right, str):
        raise conversion(right, "string")
    if not isinstance(left, str):
        raise conversion(left, "string")
    match operator:
        case "contains":
            return right in left
        case "startsWith":
            return left.startswith(right)
        case "endsWith":
            return left.endswith(right)
        case _:
            return regex.compile(right).search(left)


def fetch(base: Any, key: Any) -> Any:
    """`base[key]`. Raises LangError."""
    match base:
        case dict():
            if isinstance(key, str):
                if key in base:
                    return base[key]
                return methods_of(base, key)
            if key is None:
                return None
            raise LangError(ErrorKind.TYPE, _KEY.format(go_type(key)))
        case list() | str() | bytes():
            return _element(base, key)
        case _:
            found = methods_of(base, key)
            if found is None:
                text = f"cannot fetch {shown(key)} from {go_type(base)}"
                raise LangError(ErrorKind.VALUE, text)
            return found


def _element(base: Any, key: Any) -> Any:
    if not is_number(key):
        raise LangError(ErrorKind.TYPE, f"invalid operation: int({go_type(key)})")
    data = base.encode(errors="replace") if isinstance(base, str) else base
    size, index = len(data), int(key)
    index = index + size if index < 0 else index
    if not 0 <= index < size:
        text = f"index out of range: {index} (array length is {size})"
        raise LangError(ErrorKind.VALUE, text)
    return data[index]


def methods_of(base: Any, key: Any) -> Any:
    """A method of a time or duration, as a function; None where there is none."""
    from lang.expr import methods

    return methods.find(base, key) if isinstance(key, str) else None


def shown(value: Any) -> str:
    """A key inside a message."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "<nil>" if value is None else str(value)


def cut(base: Any, start: Any, end: Any) -> Any:
    """`base[start:end]`: negative from the end, too large is the end."""
    if not isinstance(base, (list, str)):
        raise LangError(ErrorKind.TYPE, f"cannot slice {go_type(base)}")
    data: Any = base.encode(errors="replace") if isinstance(base, str) else base
    size = len(data)

    def bound(value: Any, absent: int) -> int:
        if value is None:
            return absent
        if not isinstance(value, int) or isinstance(value, bool):
            raise LangError(ErrorKind.TYPE, f"cannot slice with {go_type(value)}")
        return max(0, value + size) if value < 0 else min(value, size)

    low, high = bound(start, 0), bound(end, size)
    part = data[low:high] if low <= high else data[:0]
    return part.decode(errors="replace") if isinstance(base, str) else part


def go_text(value: Any) -> str:
    """As Go's %v prints it."""
    return _text_of(value, lambda scalar: _scalar(scalar))


def go_s(value: Any) -> str:
    """As Go's %s prints it: what is no text gets `%!s(int=2)`."""
    return _text_of(value, _wrong_verb)


def _wrong_verb(value: Any) -> str:
    if isinstance(value, (str, Duration, datetime)):
        return _scalar(value)
    if value is None:
        return "%!s(<nil>)"
    return f"%!s({go_type(value)}={_scalar(value)})"


def _text_of(value: Any, scalar: Callable[[Any], str], *, inside: bool = False) -> str:
    match value:
        case None:
            return "<nil>" if inside else scalar(None)
        case list():
            return "[" + " ".join(_text_of(v, scalar, inside=True) for v in value) + "]"
        case dict():
            pairs = sorted(value.items(), key=lambda pair: str(pair[0]))
            inner = (f"{scalar(k)}:{_text_of(v, scalar, inside=True)}" for k, v in pairs)
            return "map[" + " ".join(inner) + "]"
        case _:
            return scalar(value)


def _scalar(value: Any) -> str:
    match value:
        case None:
            return "<nil>"
        case bool():
            return "true" if value else "false"
        case float():
            return strconv.format_float_g(value)
        case bytes():
            return "[" + " ".join(map(str, value)) + "]"
        case datetime():
            return gotime.string(value)
        case _:
            return str(value)
