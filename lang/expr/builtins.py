"""The builtin functions that take values. Predicates are in `predicates`.

Source: expr-lang `builtin/builtin.go`.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from lang import duration as durations
from lang import gojson, gotime, strconv
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError
from lang.expr import values
from lang.expr.values import Duration, Location, go_type


def _fail(message: str, kind: ErrorKind = ErrorKind.VALUE) -> LangError:
    return LangError(kind, message)


def _bad(name: str, value: Any) -> LangError:
    return _fail(f"invalid argument for {name} (type {go_type(value)})", ErrorKind.TYPE)


def _text(_name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise values.conversion(value, "string")
    return value


def _list(name: str, value: Any) -> list[Any]:
    if isinstance(value, bytes):
        return list(value)
    if not isinstance(value, list):
        raise _bad(name, value)
    return value


def _number(name: str, value: Any) -> int | float:
    if not values.is_number(value):
        raise _bad(name, value)
    number: int | float = value
    return number


def _integer(name: str, value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise values.conversion(value, "int")
    return value


# -- numbers --------------------------------------------------------------------------------


def _int(value: Any) -> int:
    if isinstance(value, str):
        try:
            return strconv.atoi(value)
        except LangError:
            raise _fail(f"invalid operation: int({value})") from None
    if value is None or isinstance(value, (list, dict)):
        raise _fail(f"invalid operation: int({go_type(value)})", ErrorKind.TYPE)
    if isinstance(value, float):
        if value != value or abs(value) == math.inf:
            return -(1 << 63)
        return strconv.wrap_int64(int(value))
    if isinstance(value, Duration):
        return value.nanoseconds
    return int(_number("int", value))


def _float(value: Any) -> float:
    if isinstance(value, str):
        found = strconv.parse_float(value)
        if found is None:
            raise _fail(f"invalid operation: float({value})")
        return found
    if value is None or isinstance(value, (list, dict)):
        raise _fail(f"invalid operation: float({go_type(value)})", ErrorKind.TYPE)
    return float(_number("float", value))


def _type(value: Any) -> str:
    match value:
        case Duration():
            return "time.Duration"
        case datetime():
            return "time.Time"
        case Location():
            return "unknown"
        case values.Header():
            return "net/http.Header"
        case _:
            return "array" if isinstance(value, bytes) else values.type_name(value)


def _len(value: Any) -> int:
    if isinstance(value, (list, dict, str)):
        return len(value)
    raise _bad("len", value)


def _abs(value: Any) -> Any:
    return abs(_number("abs", value))


def _ceil(value: Any) -> float:
    number = _number("ceil", value)
    return float(math.ceil(number)) if math.isfinite(number) else float(number)


def _floor(value: Any) -> float:
    number = _number("floor", value)
    return float(math.floor(number)) if math.isfinite(number) else float(number)


def _round(value: Any) -> float:
    number = float(_number("round", value))
    return math.copysign(math.floor(abs(number) + 0.5), number) if math.isfinite(number) else number


def _flat(name: str, arguments: tuple[Any, ...]) -> list[Any]:
    found: list[Any] = []
    for argument in arguments:
        if isinstance(argument, list):
            found += _flat(name, tuple(argument))
        else:
            found.append(_number(name, argument))
    return found


def _max(*arguments: Any) -> Any:
    numbers = _flat("max", arguments)
    return max(numbers) if numbers else None


def _min(*arguments: Any) -> Any:
    numbers = _flat("min", arguments)
    return min(numbers) if numbers else None


def _mean(*arguments: Any) -> float:
    numbers = _flat("mean", arguments)
    return float(sum(numbers)) / len(numbers) if numbers else 0.0


def _median(*arguments: Any) -> float:
    numbers = sorted(map(float, _flat("median", arguments)))
    if not numbers:
        return 0.0
    middle = len(numbers) // 2
    return numbers[middle] if len(numbers) % 2 else (numbers[middle - 1] + numbers[middle]) / 2


def _bits(operation: Callable[[int, int], int]) -> Callable[[Any, Any], int]:
    return lambda a, b: strconv.wrap_int64(operation(_integer("bit", a), _integer("bit", b)))


def _shift(name: str, left: Any, right: Any) -> int:
    value, by = _integer(name, left), _integer(name, right)
    if by < 0:
        raise _fail(f"invalid operation: negative shift count {by} (type int)")
    if name == "bitshl":
        return strconv.wrap_int64(value << min(by, 64))
    if name == "bitshr":
        return value >> min(by, 64)
    return strconv.wrap_int64((value & ((1 << 64) - 1)) >> min(by, 64))


# -- texts ----------------------------------------------------------------------------------


def _trim(text: Any, characters: Any = None) -> str:
    return _text("trim", text).strip(
        characters if characters is not None else " \t\n\v\f\r\x85\xa0"
    )


def _trim_prefix(text: Any, prefix: Any = " ") -> str:
    return _text("trimPrefix", text).removeprefix(_text("trimPrefix", prefix))


def _trim_suffix(text: Any, suffix: Any = " ") -> str:
    return _text("trimSuffix", text).removesuffix(_text("trimSuffix", suffix))


def split(text: Any, separator: Any, limit: Any = -1, *, after: bool = False) -> list[str]:
    """Go's SplitN and SplitAfterN."""
    whole, mark = _text("split", text), _text("split", separator)
    if limit == 0:
        return []
    parts = list(whole) if not mark else whole.split(mark)
    if limit > 0 and len(parts) > limit:
        parts = [*parts[: limit - 1], mark.join(parts[limit - 1 :])]
    if after and mark:
        parts = [p + mark for p in parts[:-1]] + parts[-1:]
    return parts


def _replace(text: Any, old: Any, new: Any, count: Any = -1) -> str:
    whole = _text("replace", text)
    result = whole.replace(_text("replace", old), _text("replace", new), count)
    _bounded(len(result))
    return result


def _repeat(text: Any, count: Any) -> str:
    times = _integer("repeat", count)
    if times < 0:
        raise _fail(f"invalid argument for repeat (expected positive integer, got {times})")
    if times > 1_000_000:
        raise _fail("memory budget exceeded", ErrorKind.LIMIT)
    _bounded(len(_text("repeat", text)) * times)
    return str(text) * times


def _bounded(size: int) -> None:
    if size > DEFAULT_LIMITS.result:
        raise _fail("memory budget exceeded", ErrorKind.LIMIT)


def _join(items: Any, glue: Any = "") -> str:
    parts = [_text("join", item) for item in _list("join", items)]
    _bounded(sum(map(len, parts)) + len(parts) * len(str(glue)))
    return _text("join", glue).join(parts)


def _index_of(text: Any, part: Any) -> int:
    found = _text("indexOf", text).find(_text("indexOf", part))
    return found if found < 0 else len(text[:found].encode(errors="replace"))


def _last_index_of(text: Any, part: Any) -> int:
    found = _text("lastIndexOf", text).rfind(_text("lastIndexOf", part))
    return found if found < 0 else len(text[:found].encode(errors="replace"))


def _from_json(text: Any) -> Any:
    return gojson.plain_floats(gojson.parse(_text("fromJSON", text)))


def _to_json(value: Any) -> str:
    text = json.dumps(plain(value), indent=2, ensure_ascii=False, sort_keys=True)
    _bounded(len(text))
    return gojson.escape_html(text)


def plain(value: Any) -> Any:
    """A value as Go's JSON encoder sees it. Raises LangError for what it cannot write."""
    match value:
        case dict():
            return {str(k): plain(v) for k, v in value.items()}
        case list():
            return [plain(v) for v in value]
        case float() if not math.isfinite(value):
            shown = strconv.format_float(value)
            raise _fail(f"json: unsupported value: {shown}")
        case float():
            return (
                gojson.RawFloat(strconv.format_float_json(value))
                if abs(value) >= 1e21
                else (int(value) if value == int(value) else value)
            )
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case Duration():
            return value.nanoseconds
        case bytes():
            return base64.b64encode(value).decode()
        case values.Function():
            raise _fail("json: unsupported type: func", ErrorKind.TYPE)
        case _:
            return value


def _from_base64(text: Any) -> str:
    try:
        return base64.b64decode(_text("fromBase64", text), validate=True).decode(errors="replace")
    except (binascii.Error, ValueError):
        raise _fail("illegal base64 data at input byte 0") from None


# -- times ----------------------------------------------------------------------------------

LAYOUTS = (
    *("2006-01-02", "15:04:05", "2006-01-02 15:04:05", gotime.RFC3339),
    *("02 Jan 06 15:04 MST", "Monday, 02-Jan-06 15:04:05 MST"),
    "Mon, 02 Jan 2006 15:04:05 MST",
)


def _date(text: Any, layout: Any = None, zone: Any = None) -> datetime:
    written = _text("date", text)
    tz = ZoneInfo("UTC") if zone is None else _zone(zone)
    if layout is not None:
        return gotime.parse(written, _text("date", layout), tz)
    for known in LAYOUTS:
        try:
            return gotime.parse(written, known, tz)
        except LangError:
            continue
    raise _fail(f"invalid date {written}")


def _zone(value: Any) -> ZoneInfo:
    name = value.name if isinstance(value, Location) else _text("timezone", value)
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise _fail(f"unknown time zone {name}") from None


def _timezone(name: Any) -> Location:
    return Location(_zone(name).key)


def _duration(text: Any) -> Duration:
    return Duration(durations.parse_go_ns(_text("duration", text)))


# -- collections ----------------------------------------------------------------------------


def _map(name: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _fail(f"cannot {name} {go_type(value)}", ErrorKind.TYPE)
    return value


def _from_pairs(pairs: Any) -> dict[str, Any]:
    found = {}
    for pair in _list("fromPairs", pairs):
        if not isinstance(pair, list) or len(pair) != 2:
            raise _fail("invalid pair length")
        found[pair[0]] = pair[1]
    return found


def _concat(*lists: Any) -> list[Any]:
    return [item for each in lists for item in _list("concat", each)]


def _flatten(items: Any) -> list[Any]:
    found: list[Any] = []
    for item in _list("flatten", items):
        found += _flatten(item) if isinstance(item, list) else [item]
    return found


def _uniq(items: Any) -> list[Any]:
    found: list[Any] = []
    seen: set[Any] = set()
    for item in _list("uniq", items):
        mark = _mark(item)
        if mark not in seen:
            seen.add(mark)
            found.append(item)
    return found


def _mark(item: Any) -> Any:
    """Equal for what `==` finds equal."""
    if values.is_number(item):
        return "number", item
    match item:
        case list():
            return "list", tuple(map(_mark, item))
        case dict():
            return "map", tuple(sorted((k, _mark(v)) for k, v in item.items()))
        case _:
            return type(item).__name__, item


def sort(items: Any, order: Any = "asc") -> list[Any]:
    """A sorted copy of comparable items."""
    found = _list("sort", items)
    return ordered(found, found, descending=descending(order))


def descending(order: Any) -> bool:
    """What the order argument of a sort says."""
    if order not in {"asc", "desc"}:
        raise _fail(f"unknown order, use asc or desc (got {values.shown(order)})")
    return bool(order == "desc")


def ordered(items: list[Any], by: list[Any], *, descending: bool) -> list[Any]:
    """`items` in the order of `by`."""
    for left, right in itertools.pairwise(by):
        values.less("<", right, left)
    order = sorted(range(len(items)), key=lambda i: by[i], reverse=descending)
    return [items[i] for i in order]


def _take(items: Any, count: Any) -> list[Any]:
    number = _integer("take", count)
    if number < 0:
        raise _fail(f"cannot take {number} elements")
    return _list("take", items)[:number]


def _get(base: Any, key: Any) -> Any:
    try:
        return values.fetch(base, key) if base is not None else None
    except LangError:
        return None


def _edge(items: Any, index: int) -> Any:
    if items is None:
        return None
    found = _list("first" if index == 0 else "last", items)
    return found[index] if found else None


TABLE: dict[str, Callable[..., Any]] = {
    "len": _len,
    "type": _type,
    "abs": _abs,
    "int": _int,
    "float": _float,
    "string": values.go_text,
    "ceil": _ceil,
    "floor": _floor,
    "round": _round,
    "max": _max,
    "min": _min,
    "mean": _mean,
    "median": _median,
    "toJSON": _to_json,
    "fromJSON": _from_json,
    "toBase64": lambda text: base64.b64encode(
        _text("toBase64", text).encode(errors="replace")
    ).decode(),
    "fromBase64": _from_base64,
    "upper": lambda text: _text("upper", text).upper(),
    "lower": lambda text: _text("lower", text).lower(),
    "trim": _trim,
    "trimPrefix": _trim_prefix,
    "trimSuffix": _trim_suffix,
    "split": split,
    "splitAfter": lambda text, mark, limit=-1: split(text, mark, limit, after=True),
    "replace": _replace,
    "repeat": _repeat,
    "join": _join,
    "indexOf": _index_of,
    "lastIndexOf": _last_index_of,
    "hasPrefix": lambda text, part: _text("hasPrefix", text).startswith(_text("hasPrefix", part)),
    "hasSuffix": lambda text, part: _text("hasSuffix", text).endswith(_text("hasSuffix", part)),
    "now": lambda: datetime.now(UTC),
    "date": _date,
    "duration": _duration,
    "timezone": _timezone,
    "first": lambda items: _edge(items, 0),
    "last": lambda items: _edge(items, -1),
    "take": _take,
    "get": _get,
    "reverse": lambda items: _list("reverse", items)[::-1],
    "keys": lambda value: list(_map("get keys from", value)),
    "values": lambda value: list(_map("get values from", value).values()),
    "toPairs": lambda value: [[k, v] for k, v in _map("transform", value).items()],
    "fromPairs": _from_pairs,
    "concat": _concat,
    "flatten": _flatten,
    "uniq": _uniq,
    "sort": sort,
    "bitand": _bits(lambda a, b: a & b),
    "bitor": _bits(lambda a, b: a | b),
    "bitxor": _bits(lambda a, b: a ^ b),
    "bitnand": _bits(lambda a, b: a & ~b),
    "bitnot": lambda value: ~_integer("bitnot", value),
    "bitshl": lambda a, b: _shift("bitshl", a, b),
    "bitshr": lambda a, b: _shift("bitshr", a, b),
    "bitushr": lambda a, b: _shift("bitushr", a, b),
}
