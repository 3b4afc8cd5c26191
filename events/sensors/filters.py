"""A dependency's filters: exprs, data, context, time, script, in this order.

Joined with "and" the first error ends it; with "or" (lower case only) the groups that are
written are or-ed, and any error still discards the event. Error texts are the reference's.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from events.sensors import scripts, time_filter
from events.sensors.payload import Payload
from lang import expr_filter, gjson, gotemplate, regex, strconv
from lang.errors import LangError
from lang.gjson import Result

_CONTEXT_FIELDS = ("type", "subject", "source", "datacontenttype")


class FilterError(Exception):
    """A filter could not be decided; the event is left out and the text says why."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the event passes; `error` is set when something could not be decided."""

    passed: bool
    error: str = ""


PASSED = Verdict(True)


def evaluate(filters: Mapping[str, Any] | None, operator: str, payload: Payload) -> Verdict:
    """The verdict of a dependency's `filters` under `filtersLogicalOperator`."""
    if filters is None:
        return PASSED
    either = operator == "or"
    errors: list[str] = []
    results: list[bool] = []
    for name, decide in _GROUPS:
        if filters.get(name) is None:
            continue
        try:
            results.append(decide(filters, payload))
        except FilterError as error:
            if not either:
                return Verdict(False, str(error))
            errors.append(str(error))
    if script := filters.get("script"):
        try:
            results.append(_script(script, payload))
        except FilterError as error:
            return Verdict(False, str(error))
    passed = any(results) if either else all(results)
    return Verdict(passed and not errors, " / ".join(errors))


class _Undecided(Exception):
    """One entry of a group has an error of its own."""


def _joined(
    group: str, operator: str, entries: Sequence[Any], decide: Callable[[Any], bool]
) -> bool:
    """Entries joined within a group: the first false (and) or true (or) decides."""
    either = operator == "or"
    errors = []
    for entry in entries:
        try:
            passed = decide(entry)
        except _Undecided as error:
            if not either:
                raise FilterError(f"{group} filter error ({error})") from None
            errors.append(str(error))
            continue
        if passed is either:
            return either
    if either and errors:
        word = "error" if len(errors) == 1 else "errors"
        shown = f"({errors[0]})" if len(errors) == 1 else f"[{' / '.join(errors)}]"
        raise FilterError(f"{group} filter {word} {shown}")
    return not either


def _exprs(filters: Mapping[str, Any], payload: Payload) -> bool:
    operator = str(filters.get("exprLogicalOperator") or "")
    if not payload.event.data:
        return True
    if not payload.valid:
        raise FilterError("expr filter error (event data not valid JSON)")
    entries = [expr_filter.of(entry) for entry in filters["exprs"]]
    try:
        return expr_filter.passes(entries, operator, payload.document)
    except LangError as error:
        raise FilterError(error.message) from None


def _data(filters: Mapping[str, Any], payload: Payload) -> bool:
    entries = filters["data"]
    operator = str(filters.get("dataLogicalOperator") or "")
    if not payload.event.data:
        return True
    if not payload.valid:
        raise FilterError("data filter error (event data not valid JSON)")
    return _joined("data", operator, entries, lambda entry: _datum(entry, payload))


def _datum(entry: Mapping[str, Any], payload: Payload) -> bool:
    path = str(entry.get("path") or "")
    found = payload.get(path)
    if not found.exists:
        raise _Undecided(f"path '{path}' does not exist")
    values = entry.get("value") or ()
    if not values:
        raise _Undecided("no values specified")
    if template := entry.get("template"):
        found = _templated(str(template), found)
    kind = str(entry.get("type") or "")
    compare = _COMPARE.get(kind)
    if compare is None:
        raise _Undecided(f"unsupported JSON type '{kind}'")
    comparator = str(entry.get("comparator") or "")
    return any(compare(found, str(value), comparator) for value in values)


def _templated(template: str, found: Result) -> Result:
    try:
        text = gotemplate.compile(template).render({"Input": found.string})
    except LangError as error:
        raise _Undecided(error.message) from None
    if text in ("", "<no value>"):
        raise _Undecided(f"template '{template}' evaluated to empty string or no value")
    return gjson.get({"value": text}, "value")


def _bool(found: Result, value: str, comparator: str) -> bool:
    wanted = strconv.parse_bool(value)
    if wanted is None:
        raise _Undecided(f"strconv.ParseBool: parsing {strconv.quote(value)}: invalid syntax")
    return wanted is _truth(found)


def _truth(found: Result) -> bool:
    match found.value:
        case bool():
            return found.value
        case str():
            return strconv.parse_bool(found.value.lower()) or False
        case int() | float():
            return found.value != 0
        case _:
            return False


_parsed = functools.lru_cache(4096)(strconv.parse_float)


def _number(found: Result, value: str, comparator: str) -> bool:
    wanted = _parsed(value)
    if wanted is None:
        raise _Undecided(f"strconv.ParseFloat: parsing {strconv.quote(value)}: invalid syntax")
    have = _float(found)
    match comparator:
        case "" | "=":
            return have == wanted
        case "!=":
            return have != wanted
        case ">":
            return have > wanted
        case ">=":
            return have >= wanted
        case "<":
            return have < wanted
        case "<=":
            return have <= wanted
        case _:
            return False


def _float(found: Result) -> float:
    match found.value:
        case bool():
            return 1.0 if found.value else 0.0
        case int() | float():
            try:
                return float(found.value)
            except OverflowError:
                return math.inf
        case str():
            return strconv.parse_float(found.value) or 0.0
        case _:
            return 0.0


def _string(found: Result, value: str, comparator: str) -> bool:
    try:
        pattern = regex.compile(value)
    except LangError as error:
        raise _Undecided(error.message) from None
    matched = bool(pattern.search(found.string))
    match comparator:
        case "" | "=":
            return matched
        case "!=":
            return not matched
        case _:
            return False


_COMPARE: dict[str, Callable[[Result, str, str], bool]] = {
    "bool": _bool,
    "number": _number,
    "string": _string,
}


def _context(wanted: Mapping[str, Any], payload: Payload) -> bool:
    have = payload.event.context()
    return all(not wanted.get(f) or wanted[f] == have[f] for f in _CONTEXT_FIELDS)


def _time(filters: Mapping[str, Any], payload: Payload) -> bool:
    try:
        return time_filter.passes(filters["time"], payload.event.time)
    except LangError as error:
        raise FilterError(f"time filter error ({error.message})") from None


def _script(script: str, payload: Payload) -> bool:
    try:
        return scripts.lua_filter(script, payload)
    except LangError as error:
        raise FilterError(error.message) from None


_GROUPS: tuple[tuple[str, Callable[[Mapping[str, Any], Payload], bool]], ...] = (
    ("exprs", _exprs),
    ("data", _data),
    ("context", lambda filters, payload: _context(filters["context"], payload)),
    ("time", _time),
)
