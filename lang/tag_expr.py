"""`{{=expression}}`: evaluation in a scope and what may stay unresolved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lang import gojson
from lang.errors import ErrorKind, LangError
from lang.tag_scan import Tag
from lang.tag_values import Policy, Scope

STAYS: Final = object()


def evaluate(tag: Tag, scope: Scope, policy: Policy) -> str | None:
    value = evaluate_raw(tag, scope, policy, shown=tag.expression)
    if value is STAYS:
        return None
    return value if isinstance(value, str) else text_of(value)


def text_of(value: Any) -> str:
    return gojson.marshal(value)


def evaluate_raw(tag: Tag, scope: Scope, policy: Policy, *, shown: str) -> Any:
    raise LangError(ErrorKind.UNAVAILABLE, "expressions are not there yet", tag.position)


def evaluate_flat(source: str, scope: Mapping[str, Any]) -> Any:
    raise LangError(ErrorKind.UNAVAILABLE, "expressions are not there yet", 0)


def boolean(source: str, scope: Mapping[str, Any]) -> bool:
    raise LangError(ErrorKind.UNAVAILABLE, "expressions are not there yet", 0)
