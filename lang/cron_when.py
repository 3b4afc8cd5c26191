"""`when` and `stopStrategy.expression` of CronWorkflows.

Owns the names they see (`cronworkflow.*`) and how each is evaluated: `when` puts values into the
text, which is then govaluate; a stop expression is expr-lang over the values. Semantics: Argo
Workflows; `cronworkflow.annotations` holds the labels there. Caller: the CronWorkflow controller.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lang import govaluate, tag_expr, tag_text
from lang.errors import ErrorKind, LangError
from lang.expr.values import Int64
from lang.govaluate import lexer


def variables(cron_workflow: Mapping[str, Any]) -> dict[str, Any]:
    """The flat names of a CronWorkflow object. Times are aware datetimes, None before a run."""
    metadata = cron_workflow.get("metadata") or {}
    status = cron_workflow.get("status") or {}
    labels = dict(metadata.get("labels") or {})
    scheduled = status.get("lastScheduledTime")
    return {
        "cronworkflow.name": metadata.get("name") or "",
        "cronworkflow.namespace": metadata.get("namespace") or "",
        "cronworkflow.labels": labels,
        "cronworkflow.annotations": labels,
        "cronworkflow.labels.json": labels,
        "cronworkflow.annotations.json": labels,
        "cronworkflow.failed": Int64(status.get("failed") or 0),
        "cronworkflow.succeeded": Int64(status.get("succeeded") or 0),
        "cronworkflow.lastScheduledTime": datetime.fromisoformat(scheduled) if scheduled else None,
    }


def should_run(text: str, scope: Mapping[str, Any]) -> bool:
    """Whether a run that is due starts; "" always does. Raises LangError."""
    if not text:
        return True
    result = govaluate.compile_expr(tag_text.replace_raw(text, scope)).eval({})
    if not isinstance(result, bool):
        message = f"Expected boolean evaluation for '{text}'. Got {lexer.show(result)}"
        raise LangError(ErrorKind.TYPE, message)
    return result


def should_stop(text: str, scope: Mapping[str, Any]) -> bool:
    """Whether the schedule ends. Raises LangError where the expression fails or is no boolean."""
    try:
        return tag_expr.boolean(text, scope)
    except LangError as error:
        message = f"failed to evaluate stop expression: {error.message}"
        raise LangError(error.kind, message, error.position) from None
