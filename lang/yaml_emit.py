"""JSON trees as YAML text: block style, keys in natural order, quotes only where needed.

Owns printing; libyaml's emitter does the layout. Semantics: sigs.k8s.io/yaml's JSONToYAML.
Caller: `yaml`.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import yaml as libyaml

from lang import strconv, yaml_scalars
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError

_Dumper: Any = getattr(libyaml, "CSafeDumper", libyaml.SafeDumper)
_TAG = "tag:yaml.org,2002:str"


def emit(value: Any) -> str:
    """The YAML text of a JSON tree. Raises LangError(LIMIT) where it is nested too deeply."""
    events = [libyaml.StreamStartEvent(), libyaml.DocumentStartEvent(explicit=False)]
    events.extend(_events(value, DEFAULT_LIMITS.nesting))
    events.extend([libyaml.DocumentEndEvent(explicit=False), libyaml.StreamEndEvent()])
    text = libyaml.emit(events, Dumper=_Dumper, allow_unicode=True, width=80)
    # A plain scalar at the root ends with a document marker; Go leaves it out.
    return str(text).removesuffix("...\n")


def _events(value: Any, depth: int) -> Iterator[Any]:
    if depth <= 0:
        raise LangError(ErrorKind.LIMIT, "the value is nested too deeply for YAML")
    match value:
        case dict():
            yield libyaml.MappingStartEvent(None, None, True, flow_style=not value)
            for key in sorted(value, key=functools.cmp_to_key(_compare)):
                yield _scalar(str(key))
                yield from _events(value[key], depth - 1)
            yield libyaml.MappingEndEvent()
        case list() | tuple():
            yield libyaml.SequenceStartEvent(None, None, True, flow_style=not value)
            for item in value:
                yield from _events(item, depth - 1)
            yield libyaml.SequenceEndEvent()
        case str():
            yield _scalar(value)
        case _:
            yield libyaml.ScalarEvent(None, None, (True, False), _literal(value))


def _scalar(text: str) -> Any:
    style = None
    if "\n" in text:
        style = "|"
    elif yaml_scalars.needs_quotes(text):
        style = '"'
    return libyaml.ScalarEvent(None, _TAG, (True, True), text, style=style)


def _literal(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            if -(1 << 63) <= value < 1 << 64:
                return str(value)
            return strconv.format_float_g(float(value))
        case float():
            text = strconv.format_float_g(value)
            return {"+Inf": ".inf", "-Inf": "-.inf", "NaN": ".nan"}.get(text, text)
        case _:
            return str(value)


def _compare(left: str, right: str) -> int:
    """Natural order: runs of digits compare as numbers, other characters before letters."""
    digits = False
    for at, (a, b) in enumerate(zip(left, right, strict=False)):
        if a == b:
            digits = a.isdecimal()
            continue
        if a.isalpha() and b.isalpha():
            return -1 if a < b else 1
        if a.isalpha() or b.isalpha():
            return -1 if (a.isalpha() if digits else b.isalpha()) else 1
        return _compare_numbers(left, right, at) or (-1 if a < b else 1)
    return len(left) - len(right)


def _compare_numbers(left: str, right: str, at: int) -> int:
    lead = ""
    if "0" in (left[at], right[at]):
        before = left[:at]
        run = before[len(before.rstrip("0123456789")) :]
        lead = "1" if run.strip("0") else ""
    a, b = (_run(text, at) for text in (left, right))
    first, second = (int((lead + run) or "0") for run in (a, b))
    if first != second:
        return -1 if first < second else 1
    return len(a) - len(b)


def _run(text: str, at: int) -> str:
    end = at
    while end < len(text) and end - at < 18 and text[end] in "0123456789":
        end += 1
    return text[at:end]
