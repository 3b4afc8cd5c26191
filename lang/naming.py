"""Names derived from other names: node ids, pod names, children of CronWorkflows, label values.

Ids are pure functions of the workflow's and the node's name, so creating a pod twice meets the
same name. Semantics: Argo Workflows (FNV-1a of the node name; pod name formats v1 and v2).
Callers: the engine core, the pod executor, the CronWorkflow controller, the API server.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

POD_NAME_FORMAT_ANNOTATION = "workflows.argoproj.io/pod-name-format"
V1, V2 = "v1", "v2"

_LABEL_LENGTH = 63
_MAX_POD_NAME = 253
_HASH_ROOM = 10 + 1  # a uint32 has up to ten digits, and a dash before it
_NOT_LABEL = re.compile(rb"[^-_.a-z0-9A-Z]")
_LABEL_ENDS = "-_."


def fnv1a32(text: str) -> int:
    """The 32-bit FNV-1a hash of the UTF-8 bytes of `text`."""
    value = 0x811C9DC5
    for byte in text.encode("utf-8", "surrogatepass"):
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def node_id(workflow: str, node_name: str) -> str:
    """The id of a node: the workflow's name for its root, else `<workflow>-<hash>`."""
    return workflow if node_name == workflow else f"{workflow}-{fnv1a32(node_name)}"


def pod_name(workflow: str, node_name: str, template_name: str, *, version: str = V2) -> str:
    """The name of a node's pod; v2 carries the template's name, v1 is the node id."""
    if version == V1:
        return node_id(workflow, node_name)
    if workflow == node_name:
        return workflow
    prefix = f"{workflow}-{template_name}" if template_name else workflow
    return f"{_cut(prefix, _MAX_POD_NAME - _HASH_ROOM)}-{fnv1a32(node_name)}"


def pod_name_version(annotations: Mapping[str, str]) -> str:
    """Which pod name format a workflow uses: v1 only where its annotation says so."""
    return V1 if annotations.get(POD_NAME_FORMAT_ANNOTATION) == V1 else V2


def agent_pod(workflow: str) -> str:
    """The name of the agent pod of a workflow (http and plugin templates)."""
    return f"{node_id(workflow, 'agent')}-agent"


def cron_child(cron_workflow: str, scheduled: datetime) -> str:
    """The name of the Workflow that a CronWorkflow makes for `scheduled` (aware datetime)."""
    return f"{cron_workflow}-{int(scheduled.timestamp())}"


def label_value(text: str) -> str:
    """`text` as a label value: odd characters become `-`, the last 63 kept, ends trimmed.

    Used for the creator labels of a Workflow.
    """
    # One dash for each character, not for each byte.
    safe = _NOT_LABEL.sub(b"-", text.encode("ascii", "replace")).decode("ascii")
    return safe[-_LABEL_LENGTH:].strip(_LABEL_ENDS)


def _cut(text: str, size: int) -> str:
    raw = text.encode("utf-8", "surrogatepass")
    return text if len(raw) <= size else raw[:size].decode("utf-8", "ignore")
