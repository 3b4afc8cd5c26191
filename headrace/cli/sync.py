"""`headrace sync …`: the limits of semaphores, in a ConfigMap or in the database."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from engine.runtime import limit_database
from engine.runtime.limit_database import LimitDatabase
from headrace.cli.connection import Connection, Target, asynchronous, target_options
from headrace.local import instance
from kube import resources
from kube.errors import AlreadyExists, NotFound

LIMIT = click.option("--limit", type=click.IntRange(min=1), required=True, help="How many at once.")


def _place(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the key and the options that say where its limit is kept."""
    for add in (
        click.option("--cm-name", help="Name of the ConfigMap."),
        click.option(
            "--data-dir",
            type=click.Path(path_type=Path),
            help="Folder of the headrace whose database is meant.",
        ),
        click.option("--type", "kind", type=click.Choice(["database", "configmap"]), required=True),
        click.argument("key"),
    ):
        command = add(command)
    return command


@click.group()
def sync() -> None:
    """Work with the limits of semaphores.

    The database is that of the running `headrace up`, or the one that HEADRACE_DATABASE names.
    """


@sync.command("create")
@_place
@LIMIT
@target_options
@asynchronous
async def create(
    target: Target, key: str, kind: str, cm_name: str | None, data_dir: Path | None, limit: int
) -> None:
    """Set the limit of a KEY that has none."""
    await _write(target, key, _place_of(kind, cm_name, data_dir), limit, new=True)
    click.echo(f"limit of {key} is {limit}")


@sync.command("update")
@_place
@LIMIT
@target_options
@asynchronous
async def update(
    target: Target, key: str, kind: str, cm_name: str | None, data_dir: Path | None, limit: int
) -> None:
    """Change the limit of KEY."""
    await _write(target, key, _place_of(kind, cm_name, data_dir), limit, new=False)
    click.echo(f"limit of {key} is {limit}")


@sync.command("get")
@_place
@target_options
@asynchronous
async def get(
    target: Target, key: str, kind: str, cm_name: str | None, data_dir: Path | None
) -> None:
    """Show the limit of KEY."""
    found: object
    if _in_map(kind, cm_name):
        async with target.connect() as connection:
            found = (await _data(connection, str(cm_name))).get(key)
    else:
        found = await _database(data_dir).get(await _row(target, key))
    if found is None:
        raise click.ClickException(f"{key} has no limit")
    click.echo(f"limit of {key} is {found}")


@sync.command("delete")
@_place
@target_options
@asynchronous
async def delete(
    target: Target, key: str, kind: str, cm_name: str | None, data_dir: Path | None
) -> None:
    """Remove the limit of KEY; what asks for it then fails."""
    if _in_map(kind, cm_name):
        async with target.connect() as connection:
            if key not in await _data(connection, str(cm_name)):
                raise click.ClickException(f"{key} has no limit")
            await _patch(connection, str(cm_name), key, None)
    elif not await _database(data_dir).delete(await _row(target, key)):
        raise click.ClickException(f"{key} has no limit")
    click.echo(f"{key} has no limit any more")


def _in_map(kind: str, cm_name: str | None) -> bool:
    if kind == "configmap" and not cm_name:
        raise click.UsageError("--type configmap needs --cm-name")
    return kind == "configmap"


def _place_of(kind: str, cm_name: str | None, data_dir: Path | None) -> str | LimitDatabase:
    """The ConfigMap's name, or the database."""
    return str(cm_name) if _in_map(kind, cm_name) else _database(data_dir)


async def _write(
    target: Target, key: str, place: str | LimitDatabase, limit: int, *, new: bool
) -> None:
    if isinstance(place, LimitDatabase):
        name = await _row(target, key)
        done = await (place.create(name, limit) if new else place.update(name, limit))
    else:
        async with target.connect() as connection:
            done = await _write_map(connection, place, key, limit, new=new)
    if not done:
        raise click.ClickException(
            f"{key} has a limit already: headrace sync update" if new else f"{key} has no limit"
        )


async def _write_map(
    connection: Connection, cm_name: str, key: str, limit: int, *, new: bool
) -> bool:
    try:
        present = key in await _data(connection, cm_name)
    except NotFound:
        if not new:
            raise
        body = {"metadata": {"name": cm_name}, "data": {key: str(limit)}}
        try:
            await connection.cluster.create(resources.CONFIGMAPS, connection.namespace, body)
        except AlreadyExists:
            return False
        return True
    if present is new:
        return False
    await _patch(connection, cm_name, key, str(limit))
    return True


async def _data(connection: Connection, cm_name: str) -> dict[str, str]:
    found = await connection.cluster.get(resources.CONFIGMAPS, connection.namespace, cm_name)
    return found.get("data") or {}


async def _patch(connection: Connection, cm_name: str, key: str, value: str | None) -> None:
    body = {"data": {key: value}}
    await connection.cluster.patch(resources.CONFIGMAPS, connection.namespace, cm_name, body)


async def _row(target: Target, key: str) -> str:
    async with target.connect() as connection:
        return f"{connection.namespace}/{key}"


def _database(data_dir: Path | None) -> LimitDatabase:
    url = os.environ.get(limit_database.VARIABLE)
    if data_dir is None and url:
        return LimitDatabase(url)
    running = instance.running(data_dir)
    if running is None:
        raise click.ClickException(
            f"no headrace is running and {limit_database.VARIABLE} names no database"
        )
    return LimitDatabase(limit_database.file_in(running.data_dir))
