"""Label and field selectors of lists and watches, as predicates on objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headrace.local.apiserver import refusals
from headrace.local.apiserver.kinds import Kind
from kube.cluster import Object
from lang import selector
from lang.errors import LangError

Predicate = Callable[[Object], bool]
FIELDS: dict[str, tuple[str, ...]] = {
    "Pod": (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ),
    "Event": (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    "Secret": ("type",),
    "Namespace": ("status.phase",),
    "Node": ("spec.unschedulable",),
    "Service": ("spec.clusterIP", "spec.type"),
}


def everything(_: Object) -> bool:
    """The predicate of no selector."""
    return True


def predicate(kind: Kind, labels: str, fields: str) -> Predicate:
    """Both selectors together. Raises BadRequest."""
    tests: list[Predicate] = []
    if labels.strip():
        tests.append(_labels(labels))
    if fields.strip():
        tests += _fields(kind, fields)
    if not tests:
        return everything
    if len(tests) == 1:
        return tests[0]
    return lambda obj: all(test(obj) for test in tests)


def _labels(text: str) -> Predicate:
    try:
        parsed = selector.parse(text)
    except LangError as error:
        raise refusals.bad_request(error.message) from error
    return lambda obj: parsed.matches(obj["metadata"].get("labels") or {})


def _fields(kind: Kind, text: str) -> list[Predicate]:
    known = ("metadata.name", "metadata.namespace", *FIELDS.get(kind.resource.kind, ()))
    tests = []
    for part in text.split(","):
        if not part:
            continue
        negative = "!=" in part
        name, sign, value = part.partition("!=" if negative else "=")
        if not sign:
            raise refusals.bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        name, value = name.strip(), value.removeprefix("=").strip()
        if name not in known:
            listed = ", ".join(f'"{field}"' for field in known)
            raise refusals.bad_request(f'"{name}" is not a known field selector: only {listed}')
        tests.append(_field(name.split("."), value, negative=negative))
    return tests


def _field(path: list[str], value: str, *, negative: bool) -> Predicate:
    def test(obj: Object) -> bool:
        found: Any = obj
        for part in path:
            found = found.get(part) if isinstance(found, dict) else None
        if isinstance(found, dict):
            found = found.get("component")  # an event's source
        text = str(found).lower() if isinstance(found, bool) else str(found or "")
        return (text == value) != negative

    return test


def name_of(fields: str) -> str | None:
    """The name that `metadata.name=x` asks for, so that one look-up replaces a scan."""
    for part in fields.split(","):
        name, sign, value = part.partition("=")
        if sign and name.strip() == "metadata.name":
            return value.removeprefix("=").strip()
    return None
