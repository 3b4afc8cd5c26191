"""Whether the one node is a place for a pod: nodeSelector, node affinity, cordon.

Source: Kubernetes `component-helpers/scheduling/corev1/nodeaffinity`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kube.cluster import Object

Labels = Mapping[str, str]


def wanted(spec: Object) -> Object:
    """The part of a pod's spec that placement looks at."""
    affinity = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    return {
        "selector": spec.get("nodeSelector") or {},
        "required": affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {},
    }


def matches(chosen: Object, labels: Labels, name: str) -> bool:
    """Whether a node with these labels is one that `wanted` describes."""
    if any(labels.get(key) != value for key, value in chosen["selector"].items()):
        return False
    terms = chosen["required"].get("nodeSelectorTerms")
    return not terms or any(_term(term, labels, name) for term in terms)


def _term(term: Mapping[str, Any], labels: Labels, name: str) -> bool:
    expressions = term.get("matchExpressions") or ()
    by_field = term.get("matchFields") or ()
    if not expressions and not by_field:
        return False
    return all(_expression(e, labels) for e in expressions) and all(
        _expression(e, {"metadata.name": name}) for e in by_field
    )


def _expression(expression: Mapping[str, Any], labels: Labels) -> bool:
    value = labels.get(expression["key"])
    values: list[str] = expression.get("values") or []
    match expression["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt" as operator:
            try:
                mine, other = int(value or ""), int(values[0] if values else "")
            except ValueError:
                return False
            return mine > other if operator == "Gt" else mine < other
        case _:
            return False
