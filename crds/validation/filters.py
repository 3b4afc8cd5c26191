"""Filters and transforms of a Sensor's dependency. Source: Argo Events v1.9."""

from __future__ import annotations

import re
from typing import Any

from crds.validation import events_shared as shared
from crds.validation.report import Report, Site
from lang import govaluate, regex
from lang.errors import LangError

Json = dict[str, Any]
OPERATORS = ("and", "or")
COMPARATORS = (">=", ">", "=", "!=", "<", "<=")
TYPES = ("bool", "number", "string")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]")


def check(report: Report, site: Site, dependency: Json) -> None:
    """Everything that can be said before an event arrives; expressions are compiled later."""
    transform = dependency.get("transform") or {}
    if transform.get("jq") and transform.get("script"):
        report.add(site.below("transform"), "only one of jq and script may be given")
    operator = dependency.get("filtersLogicalOperator", "")
    shared.check_word(report, site.below("filtersLogicalOperator"), operator, OPERATORS)
    given = dependency.get("filters")
    if given is None:
        return
    place = site.below("filters")
    for field in ("exprLogicalOperator", "dataLogicalOperator"):
        shared.check_word(report, place.below(field), given.get(field, ""), OPERATORS)
    for index, each in enumerate(given.get("exprs") or []):
        _check_expression(report, place.below("exprs", index), each)
    for index, each in enumerate(given.get("data") or []):
        _check_data(report, place.below("data", index), each)
    if "context" in given:
        _check_context(report, place.below("context"), given["context"])
    if "time" in given:
        _check_time(report, place.below("time"), given["time"])


def _check_expression(report: Report, site: Site, written: Json) -> None:
    shared.require(report, site, written, ("expr", "fields"))
    try:
        govaluate.compile_expr(str(written.get("expr") or "true"))
    except LangError as error:
        report.add(site.below("expr"), f"'{written.get('expr')}': {error.message}")
    for index, field in enumerate(written.get("fields") or []):
        shared.require(report, site.below("fields", index), field, ("path", "name"))


def _check_data(report: Report, site: Site, written: Json) -> None:
    shared.require(report, site, written, ("path", "type", "value"))
    kind = written.get("type", "")
    shared.check_word(report, site.below("type"), kind, TYPES)
    shared.check_word(report, site.below("comparator"), written.get("comparator", ""), COMPARATORS)
    for index, value in enumerate(written.get("value") or []):
        fault = _value_fault(kind, value)
        if fault:
            report.add(site.below("value", index), fault)


def _value_fault(kind: str, value: str) -> str:
    match kind:
        case "number":
            try:
                float(value)
            except ValueError:
                return f"'{value}' is no number"
        case "bool":
            words = ("true", "false", "1", "0", "t", "f", "T", "F", "TRUE", "FALSE")
            if value not in (*words, "True", "False"):
                return f"'{value}' is neither true nor false"
        case "string":
            try:
                regex.compile(value)
            except LangError as error:
                return f"'{value}' is no regular expression: {error.message}"
        case _:
            pass
    return ""


def _check_context(report: Report, site: Site, written: Json) -> None:
    used = ("type", "subject", "source", "datacontenttype")
    if not any(written.get(each) for each in used):
        report.add(site, f"one of {', '.join(used)} is required")


def _check_time(report: Report, site: Site, written: Json) -> None:
    shared.require(report, site, written, ("start", "stop"))
    for field in ("start", "stop"):
        text = written.get(field, "")
        if text and not _CLOCK.fullmatch(text):
            report.add(site.below(field), f"'{text}' is no time of day such as 17:30:00")
    if written.get("start") and written.get("start") == written.get("stop"):
        report.add(site, "start and stop must differ")
