"""`headrace down`: stop the cluster that `up` started. Its state stays."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import click

from headrace.local import instance

PATIENCE = 30.0


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder given to up.")
def down(data_dir: Path | None) -> None:
    """Stop the running cluster; start it again with up, nothing is lost."""
    found = instance.running(data_dir.absolute() if data_dir else None)
    if found is None:
        click.echo("headrace does not run")
        return
    os.kill(found.pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    while instance.running(found.data_dir) is not None:
        if time.monotonic() > deadline:
            raise click.ClickException(
                f"process {found.pid} has not stopped after {PATIENCE:.0f} s; kill -9 it, "
                "nothing acknowledged is lost by that"
            )
        time.sleep(0.05)
    click.echo(f"stopped; the state stays in {found.data_dir}")
