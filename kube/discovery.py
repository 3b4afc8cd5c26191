"""From the `apiVersion` and `kind` of a manifest to its resource, as the cluster itself says.

Answers are kept for a while; a kind that is not among them is asked for again at once, because
its definition may be new. Callers: executors of resource templates.
"""

from __future__ import annotations

from typing import Protocol

from kube.clock import Clock
from kube.resources import Resource

FRESH = 300.0  # seconds


class UnknownKind(LookupError):
    """The cluster serves no such kind; the text is for the user."""


class Discoverable(Protocol):
    """A cluster that can say what it serves."""

    async def served(self, api_version: str) -> list[Resource]:
        """The resources of a group version; none for an unknown one. Raises KubeError."""
        ...


class Discovery:
    """Looks kinds up, one request for each group version."""

    def __init__(self, cluster: Discoverable, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock
        self._known: dict[str, tuple[float, dict[str, Resource]]] = {}

    async def resource(self, api_version: str, kind: str) -> Resource:
        """Raises UnknownKind, KubeError."""
        now = self._clock.now()
        asked, known = self._known.get(api_version, (float("-inf"), {}))
        if now - asked > FRESH or kind not in known:
            known = {r.kind: r for r in await self._cluster.served(api_version)}
            self._known[api_version] = (now, known)
        if kind not in known:
            raise UnknownKind(f'no matches for kind "{kind}" in version "{api_version}"')
        return known[kind]
