"""From the `apiVersion` and `kind` of a manifest to its resource, as the cluster itself says.

Answers are kept for a while; a kind that is not among them is asked for again at once, because
its definition may be new. Callers: executors of resource templates.
"""

from __future__ import annotations

from kube.clock import Clock
from kube.cluster import Cluster
from kube.resources import Resource

FRESH = 300.0  # seconds


class UnknownKind(LookupError):
    """The cluster serves no such kind; the text is for the user."""


COMMON = ("v1", "apps/v1", "batch/v1", "argoproj.io/v1alpha1", "networking.k8s.io/v1", "policy/v1")
"""Where a bare word, as in `kubectl get deployment`, is looked for, in this order."""
SHORT = {
    "cm": "configmaps",
    "deploy": "deployments",
    "ds": "daemonsets",
    "ing": "ingresses",
    "ns": "namespaces",
    "po": "pods",
    "pvc": "persistentvolumeclaims",
    "rs": "replicasets",
    "sa": "serviceaccounts",
    "sts": "statefulsets",
    "svc": "services",
    "wf": "workflows",
    "wftmpl": "workflowtemplates",
}


class Discovery:
    """Looks kinds up, one request for each group version."""

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock
        self._known: dict[str, tuple[float, dict[str, Resource]]] = {}

    async def resource(self, api_version: str, kind: str) -> Resource:
        """Raises UnknownKind, KubeError."""
        known = await self._kinds(api_version, kind)
        if kind not in known:
            raise UnknownKind(f'no matches for kind "{kind}" in version "{api_version}"')
        return known[kind]

    async def named(self, word: str) -> Resource:
        """By what one types after `kubectl get`: `pods`, `deployment`, `workflows.argoproj.io`.

        Raises UnknownKind, KubeError.
        """
        plain, _, group = word.lower().partition(".")
        plain = SHORT.get(plain, plain)
        for api_version in COMMON:
            for resource in (await self._kinds(api_version)).values():
                names = (resource.plural, resource.kind.lower())
                if plain in names and group in ("", resource.group):
                    return resource
        raise UnknownKind(f'the server doesn\'t have a resource type "{word}"')

    async def _kinds(self, api_version: str, needed: str = "") -> dict[str, Resource]:
        now = self._clock.now()
        asked, known = self._known.get(api_version, (float("-inf"), {}))
        if now - asked > FRESH or (needed and needed not in known):
            known = {r.kind: r for r in await self._cluster.served(api_version)}
            self._known[api_version] = (now, known)
        return known
