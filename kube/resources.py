"""The resources headrace touches, as (group, version, plural, kind, scope).

Objects themselves stay plain JSON dicts: no typed model sits in a hot path.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from kube.errors import BadRequest

ARGO_GROUP = "argoproj.io"


@dataclass(frozen=True, slots=True)
class Resource:
    """One API resource. `group` is empty for the core group."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        """`v1` or `group/v1`, as written in manifests."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(self, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
        """The REST path, quoted. `namespace=None`: all namespaces of a namespaced resource.

        Raises BadRequest for a part that would lead elsewhere: names come from what users write.
        """
        parts = ["apis", self.group, self.version] if self.group else ["api", self.version]
        if namespace and self.namespaced:
            parts += ["namespaces", namespace]
        parts.append(self.plural)
        if name:
            parts.append(name)
        if subresource:
            parts.append(subresource)
        return "/".join(["", *map(_segment, parts)])


def _segment(text: str) -> str:
    """`text` as one part of a path, by the rule of the Kubernetes API for such names."""
    if text in ("", ".", "..") or "/" in text or "%" in text:
        raise BadRequest(f"{text!r} cannot be part of an object's address")
    return quote(text, safe="")


def _core(plural: str, kind: str, *, namespaced: bool = True) -> Resource:
    return Resource("", "v1", plural, kind, namespaced)


def _argo(plural: str, kind: str, *, namespaced: bool = True) -> Resource:
    return Resource(ARGO_GROUP, "v1alpha1", plural, kind, namespaced)


NAMESPACES = _core("namespaces", "Namespace", namespaced=False)
PODS = _core("pods", "Pod")
CONFIGMAPS = _core("configmaps", "ConfigMap")
SECRETS = _core("secrets", "Secret")
SERVICE_ACCOUNTS = _core("serviceaccounts", "ServiceAccount")
SERVICES = _core("services", "Service")
EVENTS = _core("events", "Event")
PVCS = _core("persistentvolumeclaims", "PersistentVolumeClaim")
RESOURCE_QUOTAS = _core("resourcequotas", "ResourceQuota")
LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")
PDBS = Resource("policy", "v1", "poddisruptionbudgets", "PodDisruptionBudget")
CRDS = Resource(
    "apiextensions.k8s.io",
    "v1",
    "customresourcedefinitions",
    "CustomResourceDefinition",
    namespaced=False,
)

WORKFLOWS = _argo("workflows", "Workflow")
WORKFLOW_TEMPLATES = _argo("workflowtemplates", "WorkflowTemplate")
CLUSTER_WORKFLOW_TEMPLATES = _argo(
    "clusterworkflowtemplates", "ClusterWorkflowTemplate", namespaced=False
)
CRON_WORKFLOWS = _argo("cronworkflows", "CronWorkflow")
EVENT_SOURCES = _argo("eventsources", "EventSource")
EVENT_BUSES = _argo("eventbus", "EventBus")
SENSORS = _argo("sensors", "Sensor")
