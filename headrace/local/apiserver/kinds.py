"""Which kinds the server knows: builtin ones here, others through their definitions.

A `Kind` says how a kind is found (names, scope), what may be done with it (verbs,
sub-resources) and which schema its objects have. Behaviour of single kinds is in `strategies`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from headrace.local.apiserver.schema import Schema
from kube.resources import Resource

VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
CRD_VERBS = ("delete", "deletecollection", "get", "list", "patch", "create", "update", "watch")


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind in one version. `key` names its storage; all versions of a kind share it."""

    resource: Resource
    singular: str
    list_kind: str
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = VERBS
    schema: Schema | None = None
    document: dict[str, Any] | None = None
    columns: tuple[dict[str, Any], ...] = ()
    custom: bool = False
    versions: tuple[str, ...] = field(default=())
    scale: dict[str, str] | None = None  # the paths of a scale sub-resource

    @property
    def key(self) -> str:
        """`plural` or `plural.group`, as in messages and storage."""
        r = self.resource
        return f"{r.plural}.{r.group}" if r.group else r.plural

    @property
    def has_status(self) -> bool:
        """Whether status is written through its own sub-resource only."""
        return "status" in self.subresources

    @property
    def generation(self) -> bool:
        """Whether a changed spec counts up `metadata.generation`."""
        return self.custom or self.resource.kind in {"PodDisruptionBudget", "Pod"}


def _builtin(  # noqa: PLR0913 - the columns of a table
    group: str,
    plural: str,
    kind: str,
    short: str = "",
    sub: str = "",
    *,
    scoped: bool = True,
    version: str = "v1",
    categories: str = "",
) -> Kind:
    return Kind(
        Resource(group, version, plural, kind, scoped),
        kind.lower(),
        f"{kind}List",
        tuple(short.split()),
        tuple(categories.split()),
        tuple(sub.split()),
    )


RBAC = "rbac.authorization.k8s.io"
BUILTIN: tuple[Kind, ...] = (
    _builtin("", "namespaces", "Namespace", "ns", "status finalize", scoped=False),
    _builtin("", "pods", "Pod", "po", "status log exec attach binding eviction", categories="all"),
    _builtin("", "configmaps", "ConfigMap", "cm"),
    _builtin("", "secrets", "Secret"),
    _builtin("", "serviceaccounts", "ServiceAccount", "sa", "token"),
    _builtin("", "services", "Service", "svc", "status", categories="all"),
    _builtin("", "events", "Event", "ev"),
    _builtin("", "persistentvolumeclaims", "PersistentVolumeClaim", "pvc", "status"),
    _builtin("", "persistentvolumes", "PersistentVolume", "pv", "status", scoped=False),
    _builtin("", "resourcequotas", "ResourceQuota", "quota", "status"),
    _builtin("", "limitranges", "LimitRange", "limits"),
    _builtin("", "nodes", "Node", "no", "status", scoped=False),
    _builtin("coordination.k8s.io", "leases", "Lease"),
    _builtin("scheduling.k8s.io", "priorityclasses", "PriorityClass", "pc", scoped=False),
    _builtin("policy", "poddisruptionbudgets", "PodDisruptionBudget", "pdb", "status"),
    _builtin(RBAC, "roles", "Role"),
    _builtin(RBAC, "rolebindings", "RoleBinding"),
    _builtin(RBAC, "clusterroles", "ClusterRole", scoped=False),
    _builtin(RBAC, "clusterrolebindings", "ClusterRoleBinding", scoped=False),
    _builtin(
        "apiextensions.k8s.io",
        "customresourcedefinitions",
        "CustomResourceDefinition",
        "crd crds",
        "status",
        scoped=False,
        categories="api-extensions",
    ),
)


class Kinds:
    """The kinds served now. `version` changes whenever the set does."""

    def __init__(self) -> None:
        self._by_path: dict[tuple[str, str, str], Kind] = {}
        self._by_kind: dict[tuple[str, str, str], Kind] = {}
        self.version = 0
        for kind in BUILTIN:
            self.add(kind)

    def add(self, kind: Kind) -> None:
        """Serve a kind, or serve it in its new form."""
        r = kind.resource
        self._by_path[r.group, r.version, r.plural] = kind
        self._by_kind[r.group, r.version, r.kind] = kind
        self.version += 1

    def remove(self, kind: Kind) -> None:
        """Serve it no longer."""
        r = kind.resource
        self._by_path.pop((r.group, r.version, r.plural), None)
        self._by_kind.pop((r.group, r.version, r.kind), None)
        self.version += 1

    def find(self, group: str, version: str, plural: str) -> Kind | None:
        """By path."""
        return self._by_path.get((group, version, plural))

    def of_object(self, api_version: str, kind: str) -> Kind | None:
        """By what a manifest says."""
        group, _, version = api_version.rpartition("/")
        return self._by_kind.get((group, version, kind))

    def of_key(self, key: str) -> Kind | None:
        """By storage key."""
        return next((k for k in self._by_path.values() if k.key == key), None)

    def all(self) -> list[Kind]:
        """Every kind, in the order they were added."""
        return list(self._by_path.values())

    def groups(self) -> dict[str, list[str]]:
        """Group to its versions; the core group is the empty one."""
        found: dict[str, list[str]] = {}
        for group, version, _ in self._by_path:
            versions = found.setdefault(group, [])
            if version not in versions:
                versions.append(version)
        return found
