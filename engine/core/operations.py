"""What people do to a finished workflow: retry it, resubmit it. Functions on the object.

Semantics: Argo's `FormulateRetryWorkflow` and `FormulateResubmitWorkflow`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


class OperationRefused(ValueError):
    """The workflow is in no state for it; the text says why."""


@dataclass(frozen=True, slots=True)
class Retried:
    """The object to write, and the pods to delete before it is written."""

    workflow: Json
    pods: tuple[str, ...] = field(default=())


def retry(
    workflow: Json,
    now: float,
    *,
    restart_successful: bool = False,
    node_fields: str = "",
    parameters: list[str] | None = None,
) -> Retried:
    """The workflow as it goes on after a retry. Raises OperationRefused."""
    raise OperationRefused("not yet")
