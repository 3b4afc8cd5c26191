"""Where expressions stand in manifests, and what each place knows: one table.

Two generations are in play. In Workflows (expr 1.17) the environment's types are known when a
program is compiled, so an unknown name is an error. In EventSource filters (expr 1.15) nothing is
known of it: a missing name is nil, and `if` is no word of the language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from lang.errors import ErrorKind, LangError
from lang.expr import functions

_NONE: Mapping[str, Any] = {}
_ARGO = functions.ARGO


class Site(StrEnum):
    """The places, by the field that holds the expression."""

    TEMPLATE = "template"  # {{=…}}
    HOOK = "hook"  # hooks.*.expression
    RETRY = "retry"  # retryStrategy.expression
    OUTPUT = "output"  # outputs.*.valueFrom.expression
    ARTIFACT = "artifact"  # fromExpression
    VALUE_FROM = "value-from"  # {{=…}} as a whole valueFrom.parameter or artifact from
    LABELS = "labels"  # workflowMetadata.labelsFrom
    CRON_STOP = "cron-stop"  # stopStrategy.expression
    EVENT_SELECTOR = "event-selector"  # WorkflowEventBinding event.selector
    EVENT_PARAMETER = "event-parameter"  # ... submit.arguments valueFrom.event
    EVENT_NAME = "event-name"  # ... submit.metadata
    HTTP_SUCCESS = "http-success"  # http.successCondition
    DATA = "data"  # data.transformation
    RBAC = "rbac"  # ServiceAccount rbac-rule
    DEPENDS = "depends"  # logic that is more than names, results and && || !
    CONDITIONS = "conditions"  # a Sensor trigger's conditions, joined to one text
    EVENTS = "events"  # EventSource filter.expression


@dataclass(frozen=True, slots=True)
class Knows:
    """What a place offers: functions beside the builtins, and which generation of the language."""

    functions: Mapping[str, Any]
    typed: bool = True  # the environment's names and types are known to the compiler
    blocks: bool = True  # if/else is part of the language


TABLE: Mapping[Site, Knows] = {
    **dict.fromkeys(
        (Site.TEMPLATE, Site.HOOK, Site.RETRY, Site.OUTPUT, Site.ARTIFACT, Site.LABELS),
        Knows(_ARGO),
    ),
    Site.VALUE_FROM: Knows(_NONE),
    Site.CRON_STOP: Knows(_NONE),
    Site.EVENT_SELECTOR: Knows(_NONE),
    Site.EVENT_PARAMETER: Knows(_NONE),
    Site.EVENT_NAME: Knows(_ARGO),
    Site.HTTP_SUCCESS: Knows(_NONE),
    Site.DATA: Knows(_NONE),
    Site.RBAC: Knows(_NONE),
    Site.DEPENDS: Knows(_NONE),
    Site.CONDITIONS: Knows(_NONE, blocks=False),
    Site.EVENTS: Knows(_ARGO, typed=False, blocks=False),
}


def at(site: str) -> Knows:
    """The row of a place. Raises LangError(NAME) for an unknown one."""
    try:
        return TABLE[Site(site)]
    except ValueError:
        raise LangError(ErrorKind.NAME, f"no expressions stand at {site!r}") from None
