"""Finding the workflow a person means: a name, or `@latest`."""

from __future__ import annotations

from typing import Any

import click

from crds import hydration
from headrace.cli.connection import Connection
from kube import resources, workflows
from kube.errors import NotFound


async def whole(connection: Connection, workflow: dict[str, Any]) -> dict[str, Any]:
    """The workflow with its node table inside, also where that is kept in pages beside it."""
    try:
        return await workflows.whole(connection.cluster, workflow)
    except hydration.HydrationError as error:
        raise click.ClickException(str(error)) from error


async def workflow(connection: Connection, name: str) -> dict[str, Any]:
    """The workflow `name`, or the one created last for `@latest`. Raises ClickException."""
    if name != "@latest":
        try:
            return await connection.cluster.get(resources.WORKFLOWS, connection.namespace, name)
        except NotFound as error:
            raise click.ClickException(
                f'workflow "{name}" not found in namespace "{connection.namespace}"'
            ) from error
    found = await connection.cluster.list(resources.WORKFLOWS, connection.namespace)
    if not found.items:
        raise click.ClickException(f'no workflows in namespace "{connection.namespace}"')
    return max(found.items, key=_age)


def _age(item: dict[str, Any]) -> tuple[str, int]:
    meta = item["metadata"]
    version = str(meta.get("resourceVersion", "0"))
    return meta.get("creationTimestamp", ""), int(version) if version.isdigit() else 0
