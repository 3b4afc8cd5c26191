"""successCondition and failureCondition of resource templates, over the object they made.

Owns the verdict. Conditions are label selectors whose keys are gjson paths into the object.
Semantics: Argo Workflows; any failure requirement that holds fails, all success requirements
are needed; without a success condition the object is done at once. Caller: the resource executor.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from lang import gjson, selector
from lang.errors import ErrorKind, LangError


class Verdict(StrEnum):
    SUCCESS = "success"
    WAITING = "waiting"


class ConditionFailed(LangError):
    """A failure requirement holds: the step fails with this message."""

    def __init__(self, requirement: selector.Requirement) -> None:
        message = f"failure condition '{requirement.shown()}' evaluated true"
        super().__init__(ErrorKind.VALUE, message)


def evaluate(document: Any, success: str, failure: str) -> Verdict:
    """The verdict over a parsed object. Raises ConditionFailed; LangError for a bad condition."""
    wanted = _parse("success", success)
    unwanted = _parse("fail", failure)
    lookup = _lookup(document)
    for requirement in unwanted:
        if requirement.holds(lookup):
            raise ConditionFailed(requirement)
    return Verdict.SUCCESS if wanted.holds(lookup) else Verdict.WAITING


def _parse(name: str, text: str) -> selector.Selector:
    try:
        return selector.parse(text)
    except LangError as error:
        message = f"{name} condition '{text}' failed to parse: {error.message}"
        raise LangError(error.kind, message, error.position) from None


def _lookup(document: Any) -> Callable[[str], str | None]:
    def find(path: str) -> str | None:
        result = gjson.get(document, path)
        return result.string if result.exists else None

    return find
