"""From `apiVersion` and `kind` to the resource, as the cluster itself says."""

from __future__ import annotations

import click

from headrace.cli.connection import Connection
from kube.errors import NotFound
from kube.resources import Resource


class Discovery:
    """Looks up kinds, one request for each group and version."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known: dict[str, dict[str, Resource]] = {}

    async def resource(self, api_version: str, kind: str) -> Resource:
        """Raises ClickException for a kind that the cluster does not serve."""
        if api_version not in self._known:
            self._known[api_version] = await self._kinds(api_version)
        found = self._known[api_version].get(kind)
        if found is None:
            raise click.ClickException(
                f'the cluster does not know kind "{kind}" in version "{api_version}"'
            )
        return found

    async def _kinds(self, api_version: str) -> dict[str, Resource]:
        group, _, version = api_version.rpartition("/")
        path = f"/apis/{api_version}" if group else f"/api/{version}"
        try:
            listed = await self._connection.cluster.request("GET", path)
        except NotFound:
            return {}
        return {
            entry["kind"]: Resource(
                group, version, entry["name"], entry["kind"], entry["namespaced"]
            )
            for entry in listed["resources"]
            if "/" not in entry["name"]
        }
