"""Bounds of numbers and texts, with Kubernetes' texts. A value of another type passes here."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from headrace.local.apiserver.schema import errors
from headrace.local.apiserver.schema.errors import FieldError
from headrace.local.apiserver.schema.formats import FORMATS
from headrace.local.apiserver.schema.paths import Path, text_of
from lang import regex

Check = Callable[[Any, Path, list[FieldError]], None]

_RANGES = {"int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def numbers(schema: dict[str, Any]) -> list[Check]:
    """Checks of numbers: width, bounds, multiples."""
    found: list[Check] = []
    if schema.get("type") == "integer":
        found.append(_whole_number(schema.get("format") or ""))
    for bound, exclusive, beyond, words in (
        ("minimum", "exclusiveMinimum", -1, "greater than"),
        ("maximum", "exclusiveMaximum", 1, "less than"),
    ):
        if bound in schema:
            open_ = bool(schema.get(exclusive))
            found.append(_bound(schema[bound], beyond, open_, words))
    if "multipleOf" in schema:
        found.append(_multiple(schema["multipleOf"]))
    return found


def _whole_number(form: str) -> Check:
    low, high = _RANGES.get(form, _RANGES["int64"])
    named = f"with format {form}" if form else "(default format)"

    def check(value: Any, path: Path, out: list[FieldError]) -> None:
        if _is_number(value) and not (
            (isinstance(value, int) or (value.is_integer() and abs(value) < 1e21))
            and low <= value <= high
        ):
            detail = f"Checked value must be of type integer {named} in {text_of(path)}"
            out.append(errors.invalid("", "", detail))

    return check


def _bound(limit: float, beyond: int, open_: bool, words: str) -> Check:
    text = words if open_ else f"{words} or equal to"

    def check(value: Any, path: Path, out: list[FieldError]) -> None:
        if _is_number(value):
            distance = (value - limit) * beyond
            if distance > 0 or (open_ and distance == 0):
                name = text_of(path)
                detail = f"{name} in body should be {text} {errors.shown(limit)}"
                out.append(errors.invalid(name, value, detail))

    return check


def _multiple(factor: float) -> Check:
    def check(value: Any, path: Path, out: list[FieldError]) -> None:
        if _is_number(value) and not math.isclose(math.remainder(value, factor), 0, abs_tol=1e-9):
            name = text_of(path)
            detail = f"{name} in body should be a multiple of {errors.shown(factor)}"
            out.append(errors.invalid(name, value, detail))

    return check


def texts(schema: dict[str, Any]) -> list[Check]:
    """Checks of texts: length, pattern, format."""
    found: list[Check] = []
    if "maxLength" in schema:
        found.append(_max_length(schema["maxLength"]))
    if "minLength" in schema:
        found.append(_min_length(schema["minLength"]))
    if "pattern" in schema:
        found.append(_pattern(schema["pattern"]))
    known = FORMATS.get(schema.get("format") or "")
    if known is not None:
        found.append(_format(schema["format"], known))
    return found


def _max_length(limit: int) -> Check:
    def check(value: Any, path: Path, out: list[FieldError]) -> None:
        if isinstance(value, str) and len(value) > limit:
            out.append(errors.too_long(text_of(path), limit))

    return check


def _min_length(limit: int) -> Check:
    def check(value: Any, path: Path, out: list[FieldError]) -> None:
        if isinstance(value, str) and len(value) < limit:
            name = text_of(path)
            detail = f"{name} in body should be at least {limit} chars long"
            out.append(errors.invalid(name, value, detail))

    return check


def _pattern(pattern: str) -> Check:
    compiled = regex.compile(pattern)

    def check(value: Any, path: Path, out: list[FieldError]) -> None:
        if isinstance(value, str) and not compiled.search(value):
            name = text_of(path)
            detail = f"{name} in body should match '{pattern}'"
            out.append(errors.invalid(name, value, detail))

    return check


def _format(name: str, known: Callable[[str], bool]) -> Check:
    def check(value: Any, path: Path, out: list[FieldError]) -> None:
        if isinstance(value, str) and not known(value):
            place = text_of(path)
            detail = f"{place} in body must be of type {name}: {errors.shown(value)}"
            out.append(errors.type_invalid(place, value, detail))

    return check
