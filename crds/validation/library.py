"""The stored templates that references are looked up in: those of the files being checked.

Built once per check from plain objects; reading is by (name, namespace or cluster).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from crds import decode
from crds.workflow import ClusterWorkflowTemplate, WorkflowTemplate

Spec = dict[str, Any]


class Library:
    """WorkflowTemplates by namespace and name, ClusterWorkflowTemplates by name.

    An object without a namespace is found from any namespace: what is checked offline has none.
    """

    def __init__(self, objects: Iterable[Mapping[str, Any]] = ()) -> None:
        self._namespaced: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._cluster: dict[str, Mapping[str, Any]] = {}
        self._specs: dict[tuple[bool, str, str], Spec] = {}
        for each in objects:
            self.add(each)

    def add(self, item: Mapping[str, Any]) -> bool:
        """Put in a template; False when one of that kind, namespace and name is there already."""
        meta = item.get("metadata") or {}
        name, namespace = str(meta.get("name") or ""), str(meta.get("namespace") or "")
        if item.get("kind") == "ClusterWorkflowTemplate":
            return self._cluster.setdefault(name, item) is item
        if item.get("kind") == "WorkflowTemplate":
            return self._namespaced.setdefault((namespace, name), item) is item
        return True

    def fill(self, other: Library) -> None:
        """Take over what is not here under the same name."""
        self._namespaced = other._namespaced | self._namespaced
        self._cluster = other._cluster | self._cluster

    def get(self, name: str, namespace: str, *, cluster: bool) -> Spec | None:
        """The spec in canonical form (see `crds.decode`), with the metadata beside it."""
        key = (cluster, namespace, name)
        if key not in self._specs:
            found = self._find(name, namespace, cluster)
            if found is None:
                return None
            self._specs[key] = canonical(found)
        return self._specs[key]

    def _find(self, name: str, namespace: str, cluster: bool) -> Mapping[str, Any] | None:
        if cluster:
            return self._cluster.get(name)
        found = self._namespaced.get((namespace, name)) or self._namespaced.get(("", name))
        if found is None and not namespace:
            found = next((v for (_, n), v in self._namespaced.items() if n == name), None)
        return found


_KINDS = {
    "WorkflowTemplate": WorkflowTemplate,
    "ClusterWorkflowTemplate": ClusterWorkflowTemplate,
}


def canonical(item: Mapping[str, Any]) -> Spec:
    """An object with nulls and empty fields removed and parameter values as texts.

    Raises CrdError when a field has the wrong type.
    """
    kind = _KINDS.get(str(item.get("kind")), WorkflowTemplate)
    typed, _ = decode.decode(item, kind)
    return decode.encode(typed)
