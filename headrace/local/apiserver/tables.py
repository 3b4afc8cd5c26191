"""Tables: what `kubectl get` prints, made by the server.

Source: Kubernetes `pkg/printers/internalversion/printers.go` for builtin kinds; the printer
columns of the definition for custom ones.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from headrace.local.apiserver.kinds import Kind
from kube.cluster import Object
from lang.errors import LangError

Cell = Callable[[Object], Any]
Column = tuple[str, str, Cell, int]


def age(text: str | None) -> str:
    """How long ago, as kubectl's AGE; `<unknown>` for nothing."""
    if not text:
        return "<unknown>"
    try:
        seconds = int(datetime.now(UTC).timestamp() - datetime.fromisoformat(text).timestamp())
    except ValueError:
        return "<invalid>"
    return duration(max(0, seconds))


def duration(seconds: int) -> str:
    """Kubernetes' HumanDuration."""
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return f"{seconds}s"
    if minutes < 10:
        return f"{minutes}m{seconds % 60}s" if seconds % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if days < 8:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    if days < 730:
        return f"{days}d"
    years = days // 365
    return f"{years}y{days % 365}d" if years < 8 else f"{years}y"


def _name(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def _age(obj: Object) -> str:
    return age(obj["metadata"].get("creationTimestamp"))


def _ready(pod: Object) -> str:
    found = (pod.get("status") or {}).get("containerStatuses") or ()
    total = len(pod["spec"].get("containers") or ())
    return f"{sum(bool(c.get('ready')) for c in found)}/{total}"


def pod_status(pod: Object) -> str:
    """The word in kubectl's STATUS column."""
    status = pod.get("status") or {}
    reason = status.get("reason") or status.get("phase") or "Unknown"
    initialising = False
    for i, init in enumerate(status.get("initContainerStatuses") or ()):
        state = init.get("state") or {}
        ended, waiting = state.get("terminated"), state.get("waiting")
        if ended and not ended.get("exitCode"):
            continue
        total = len(pod["spec"].get("initContainers") or ())
        if ended:
            reason = f"Init:{ended.get('reason') or 'ExitCode:' + str(ended['exitCode'])}"
        elif waiting and waiting.get("reason") not in {None, "", "PodInitializing"}:
            reason = f"Init:{waiting['reason']}"
        else:
            reason = f"Init:{i}/{total}"
        initialising = True
        break
    if not initialising:
        running = False
        for container in reversed(status.get("containerStatuses") or ()):
            state = container.get("state") or {}
            ended, waiting = state.get("terminated"), state.get("waiting")
            if waiting and waiting.get("reason"):
                reason = waiting["reason"]
            elif ended:
                reason = ended.get("reason") or f"ExitCode:{ended.get('exitCode')}"
            elif container.get("ready") and "running" in state:
                running = True
        if reason == "Completed" and running:
            reason = "Running"
    if pod["metadata"].get("deletionTimestamp"):
        return "Terminating"
    return str(reason)


def _restarts(pod: Object) -> str:
    found = (pod.get("status") or {}).get("containerStatuses") or ()
    return str(sum(int(c.get("restartCount", 0)) for c in found))


def _at(*path: str, absent: Any = "") -> Cell:
    def cell(obj: Object) -> Any:
        found: Any = obj
        for part in path:
            found = found.get(part) if isinstance(found, dict) else None
        return absent if found is None else found

    return cell


def _count(field: str) -> Cell:
    return lambda obj: len(obj.get(field) or ()) + len(obj.get("binaryData") or ())


def _ports(service: Object) -> str:
    ports = service["spec"].get("ports") or ()
    return ",".join(f"{p['port']}/{p.get('protocol', 'TCP')}" for p in ports) or "<none>"


def _event_object(event: Object) -> str:
    found = event.get("involvedObject") or {}
    return f"{str(found.get('kind', '')).lower()}/{found.get('name', '')}"


def _last_seen(event: Object) -> str:
    return age(
        event.get("lastTimestamp")
        or event.get("eventTime")
        or event["metadata"].get("creationTimestamp")
    )


def _node_status(node: Object) -> str:
    for condition in (node.get("status") or {}).get("conditions") or ():
        if condition["type"] == "Ready":
            return "Ready" if condition["status"] == "True" else "NotReady"
    return "Unknown"


def _quota(group: str) -> Cell:
    def cell(quota: Object) -> str:
        hard = (quota.get("spec") or {}).get("hard") or {}
        used = (quota.get("status") or {}).get("used") or {}
        names = sorted(n for n in hard if n.startswith("limits.") == (group == "limits"))
        return ", ".join(f"{n}: {used.get(n, 0)}/{hard[n]}" for n in names)

    return cell


NAME: Column = ("Name", "string", _name, 0)
AGE: Column = ("Age", "string", _age, 0)
CUSTOM_AGE: Column = ("Age", "date", _age, 0)
PLAIN: tuple[Column, ...] = (NAME, ("Created At", "date", _at("metadata", "creationTimestamp"), 0))
COLUMNS: dict[str, tuple[Column, ...]] = {
    "Pod": (
        NAME,
        ("Ready", "string", _ready, 0),
        ("Status", "string", pod_status, 0),
        ("Restarts", "string", _restarts, 0),
        AGE,
        ("IP", "string", _at("status", "podIP", absent="<none>"), 1),
        ("Node", "string", _at("spec", "nodeName", absent="<none>"), 1),
        ("Nominated Node", "string", _at("status", "nominatedNodeName", absent="<none>"), 1),
        ("Readiness Gates", "string", lambda _: "<none>", 1),
    ),
    "ConfigMap": (NAME, ("Data", "integer", _count("data"), 0), AGE),
    "Secret": (
        NAME,
        ("Type", "string", _at("type"), 0),
        ("Data", "integer", _count("data"), 0),
        AGE,
    ),
    "ServiceAccount": (NAME, ("Secrets", "integer", lambda o: len(o.get("secrets") or ()), 0), AGE),
    "Namespace": (NAME, ("Status", "string", _at("status", "phase"), 0), AGE),
    "Service": (
        NAME,
        ("Type", "string", _at("spec", "type"), 0),
        ("Cluster-IP", "string", _at("spec", "clusterIP", absent="<none>"), 0),
        ("External-IP", "string", lambda _: "<none>", 0),
        ("Port(s)", "string", _ports, 0),
        AGE,
    ),
    "Event": (
        ("Last Seen", "string", _last_seen, 0),
        ("Type", "string", _at("type"), 0),
        ("Reason", "string", _at("reason"), 0),
        ("Object", "string", _event_object, 0),
        ("Message", "string", lambda e: str(e.get("message", "")).strip(), 0),
        ("Count", "string", lambda e: str(e.get("count", 1)), 1),
        ("Name", "string", _name, 1),
    ),
    "Lease": (NAME, ("Holder", "string", _at("spec", "holderIdentity"), 0), AGE),
    "PersistentVolumeClaim": (
        NAME,
        ("Status", "string", _at("status", "phase"), 0),
        ("Volume", "string", _at("spec", "volumeName"), 0),
        ("Capacity", "string", _at("status", "capacity", "storage"), 0),
        ("Access Modes", "string", lambda o: ",".join(o["spec"].get("accessModes") or ()), 0),
        ("StorageClass", "string", _at("spec", "storageClassName"), 0),
        AGE,
    ),
    "Node": (
        NAME,
        ("Status", "string", _node_status, 0),
        ("Roles", "string", lambda _: "<none>", 0),
        AGE,
        ("Version", "string", _at("status", "nodeInfo", "kubeletVersion"), 0),
    ),
    "PriorityClass": (
        NAME,
        ("Value", "integer", _at("value", absent=0), 0),
        ("Global-Default", "boolean", _at("globalDefault", absent=False), 0),
        AGE,
    ),
    "PodDisruptionBudget": (
        NAME,
        ("Min Available", "string", _at("spec", "minAvailable", absent="N/A"), 0),
        ("Max Unavailable", "string", _at("spec", "maxUnavailable", absent="N/A"), 0),
        ("Allowed Disruptions", "integer", _at("status", "disruptionsAllowed", absent=0), 0),
        AGE,
    ),
    "ResourceQuota": (
        NAME,
        ("Request", "string", _quota("requests"), 0),
        ("Limit", "string", _quota("limits"), 0),
        AGE,
    ),
    "LimitRange": PLAIN,
    "CustomResourceDefinition": PLAIN,
    "Role": PLAIN,
    "ClusterRole": PLAIN,
}


def _custom(kind: Kind) -> tuple[Column, ...]:
    if not kind.columns:
        return (NAME, CUSTOM_AGE)
    found: list[Column] = [NAME]
    for column in kind.columns:
        cell = _path_cell(column["jsonPath"], column["type"])
        found.append((column["name"], column["type"], cell, column.get("priority", 0)))
    return tuple(found)


def _path_cell(path: str, kind: str) -> Cell:
    template = "{" + path + "}"

    def cell(obj: Object) -> Any:
        from lang import jsonpath  # loaded when the first custom table is asked for

        try:
            text = jsonpath.render(template, obj)
        except LangError:
            return None
        if not text:
            return None
        match kind:
            case "date":
                return age(text)
            case "integer":
                return int(text) if text.lstrip("-").isdigit() else None
            case "number":
                return float(text)
            case "boolean":
                return text == "true"
            case _:
                return text

    return cell


@functools.lru_cache(maxsize=256)
def _columns_of(kind_name: str) -> tuple[Column, ...]:
    return COLUMNS.get(kind_name, (NAME, AGE))


def render(kind: Kind, objects: list[Object], list_meta: dict[str, Any], include: str) -> Object:
    """The Table of some objects; `include` is Metadata, Object or None."""
    columns = _custom(kind) if kind.custom else _columns_of(kind.resource.kind)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": list_meta,
        "columnDefinitions": _definitions(kind, columns),
        "rows": [_row(columns, obj, include) for obj in objects],
    }


def _definitions(kind: Kind, columns: tuple[Column, ...]) -> list[dict[str, Any]]:
    found = [_definition(column) for column in columns]
    # Custom columns come behind the name, in the order of the definition.
    for made, written in zip(found[1:], kind.columns, strict=False):
        made["format"] = written.get("format", "")
        made["description"] = written.get("description", "")
    return found


def _definition(column: Column) -> dict[str, Any]:
    name, kind, _, priority = column
    return {
        "name": name,
        "type": kind,
        "format": "name" if name == "Name" else "",
        "description": "",
        "priority": priority,
    }


def _row(columns: tuple[Column, ...], obj: Object, include: str) -> dict[str, Any]:
    row: dict[str, Any] = {"cells": [cell(obj) for _, _, cell, _ in columns]}
    if include == "Object":
        row["object"] = obj
    elif include != "None":
        row["object"] = partial(obj)
    return row


def partial(obj: Object) -> Object:
    """Only the metadata of an object."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": obj["metadata"],
    }
