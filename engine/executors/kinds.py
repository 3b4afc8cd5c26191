"""Which executor a leaf is for. Resource and data leaves are nodes of type Pod without a pod."""

from __future__ import annotations

from enum import StrEnum

from engine.core.decisions import StartLeaf
from engine.core.phases import NodeType


class ExecutorKind(StrEnum):
    """One for each module that runs leaves; in-process ones have no object in the cluster."""

    POD = "pod"
    RESOURCE = "resource"
    DATA = "data"
    HTTP = "http"
    PLUGIN = "plugin"


def kind_of(leaf: StartLeaf) -> ExecutorKind | None:
    """The executor for a leaf; None for a type that nothing runs."""
    match leaf.type:
        case NodeType.HTTP:
            return ExecutorKind.HTTP
        case NodeType.PLUGIN:
            return ExecutorKind.PLUGIN
        case NodeType.POD if leaf.template.get("resource") is not None:
            return ExecutorKind.RESOURCE
        case NodeType.POD if leaf.template.get("data") is not None:
            return ExecutorKind.DATA
        case NodeType.POD:
            return ExecutorKind.POD
        case _:
            return None


def has_pod(leaf: StartLeaf) -> bool:
    """Whether the leaf's work is a pod of its own."""
    return kind_of(leaf) is ExecutorKind.POD
