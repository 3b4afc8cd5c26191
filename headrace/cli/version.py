"""`headrace version`."""

from __future__ import annotations

import click

import headrace


@click.command()
@click.option("--short", is_flag=True, help="Only the number.")
def version(short: bool) -> None:
    """Print the version."""
    click.echo(headrace.__version__ if short else f"headrace: v{headrace.__version__}")
