"""`headrace apply`: server-side apply of manifests, for machines without kubectl."""

from __future__ import annotations

import click

from headrace.cli import failures, manifests
from headrace.cli.connection import Connection, Target, asynchronous, target_options
from headrace.cli.discovery import Discovery
from kube.cluster import PatchOptions, PatchType
from kube.errors import KubeError, NotFound

APPLY = PatchOptions(type=PatchType.APPLY, field_manager="headrace-cli", force=True)


@click.command()
@click.option("-f", "--filename", "sources", multiple=True, required=True, help="File or folder.")
@click.option("--strict", is_flag=True, help="Refuse unknown fields instead of warning.")
@target_options
@asynchronous
async def apply(target: Target, sources: tuple[str, ...], strict: bool) -> None:
    """Create or change the objects of the manifests. One refused object does not stop the rest."""
    found = manifests.read(sources)
    failed = 0
    async with target.connect() as connection:
        discovery = Discovery(connection)
        for manifest in found:
            try:
                click.echo(await one(connection, discovery, manifest, strict=strict))
            except (KubeError, click.ClickException) as error:
                failed += 1
                click.echo(f"Error: {manifest.where}: {failures.sentence(error)}", err=True)
    if failed:
        raise click.exceptions.Exit(1)


async def one(
    connection: Connection, discovery: Discovery, manifest: manifests.Manifest, *, strict: bool
) -> str:
    """Apply one object; `kind/name created|configured|unchanged`."""
    body = manifest.body
    resource = await discovery.resource(body["apiVersion"], body["kind"])
    meta = body.setdefault("metadata", {})
    namespace = (meta.get("namespace") or connection.namespace) if resource.namespaced else None
    group = f".{resource.group}" if resource.group else ""
    params = {
        "fieldManager": APPLY.field_manager,
        "force": "true",
        "fieldValidation": "Strict" if strict else "Warn",
    }
    if not meta.get("name"):
        made = await connection.cluster.create(resource, namespace, body)
        return f"{resource.kind.lower()}{group}/{made['metadata']['name']} created"
    name = meta["name"]
    try:
        before = await connection.cluster.get(resource, namespace, name)
    except NotFound:
        before = None
    after = await connection.cluster.request(
        "PATCH",
        resource.path(namespace, name),
        params=params,
        body=body,
        content_type=APPLY.type,
    )
    if before is None:
        outcome = "created"
    elif before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"]:
        outcome = "unchanged"
    else:
        outcome = "configured"
    return f"{resource.kind.lower()}{group}/{name} {outcome}"
