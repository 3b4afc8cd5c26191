"""Finding the workflow a person means: a name, or `@latest`."""

from __future__ import annotations

from typing import Any

import click

from crds import hydration, paging
from headrace.cli.connection import Connection
from kube import resources
from kube.cluster import Selector
from kube.errors import NotFound

TRIES = 5


async def whole(connection: Connection, workflow: dict[str, Any]) -> dict[str, Any]:
    """The workflow with its node table inside, also where that is kept in pages beside it."""
    uid = workflow["metadata"]["uid"]
    for _ in range(TRIES):
        pages: dict[str, dict[str, Any]] = {}
        if paging.generations(workflow):
            chosen = Selector(labels=f"{paging.LABEL}={uid}")
            namespace = workflow["metadata"]["namespace"]
            listed = await connection.cluster.list(resources.CONFIGMAPS, namespace, chosen)
            pages = {page["metadata"]["name"]: page for page in listed.items}
        try:
            return paging.whole(workflow, pages.get)
        except hydration.HydrationError as error:
            # The table has moved on since the workflow was read.
            problem = str(error)
            meta = workflow["metadata"]
            workflow = await connection.cluster.get(
                resources.WORKFLOWS, meta["namespace"], meta["name"]
            )
    raise click.ClickException(problem)


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
