"""The words of a workflow's status: phases and node types, and what each phase means.

The values are what users, `kubectl` and the `argo` CLI read in `status`.
"""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """Phase of a node, or of a workflow (which is never Skipped or Omitted)."""

    NEW = ""
    PENDING = "Pending"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    SKIPPED = "Skipped"
    FAILED = "Failed"
    ERROR = "Error"
    OMITTED = "Omitted"


class NodeType(StrEnum):
    """What a node in the status stands for."""

    POD = "Pod"
    CONTAINER = "Container"
    STEPS = "Steps"
    STEP_GROUP = "StepGroup"
    DAG = "DAG"
    TASK_GROUP = "TaskGroup"
    RETRY = "Retry"
    SKIPPED = "Skipped"
    SUSPEND = "Suspend"
    HTTP = "HTTP"
    PLUGIN = "Plugin"


class Shutdown(StrEnum):
    """How a workflow was told to end: `Stop` runs exit handlers, `Terminate` does not."""

    NONE = ""
    STOP = "Stop"
    TERMINATE = "Terminate"


COMPLETED = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.ERROR})
FULFILLED = COMPLETED | {Phase.SKIPPED, Phase.OMITTED}
BAD = frozenset({Phase.FAILED, Phase.ERROR})
ACTIVE = frozenset({Phase.PENDING, Phase.RUNNING})

LEAF_TYPES = frozenset(
    {NodeType.POD, NodeType.CONTAINER, NodeType.HTTP, NodeType.PLUGIN, NodeType.SUSPEND}
)
"""Types that do work or wait themselves (progress counts them); the others hold children."""
