"""Expressions at the places where the core evaluates one: hooks, retries, outputs, labels.

One door to the language, so that every place treats scopes and errors alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from lang import expr, tag_values
from lang.errors import ErrorKind, LangError


class Site(StrEnum):
    """Where an expression stands; decides which functions it knows."""

    HOOK = "hook"
    RETRY = "retry"
    OUTPUT = "output"
    ARTIFACT = "artifact"
    LABELS = "labels"


def evaluate(source: str, scope: Mapping[str, Any], site: Site) -> Any:
    """The value of `source` over flat variables. Raises LangError."""
    return expr.compile(source, site=site.value).eval(tag_values.nest(scope))


def holds(source: str, scope: Mapping[str, Any], site: Site) -> bool:
    """Whether `source` is true. Raises LangError."""
    return evaluate(source, scope, site) is True


def type_name(value: Any) -> str:
    """The name of a value's type, as messages of the reference give it."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "bool"
        case int():
            return "int"
        case float():
            return "float64"
        case str():
            return "string"
        case Mapping():
            return "map[string]interface {}"
        case _:
            return "[]interface {}"


def check(source: str) -> None:
    """Raise LangError for a tag's expression that does not even parse."""
    try:
        expr.compile(source, site="template")
    except LangError as error:
        if error.kind is ErrorKind.SYNTAX:
            raise
