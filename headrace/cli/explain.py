"""`headrace explain`: what a field means, without any cluster."""

from __future__ import annotations

import click

from headrace.cli import printing


@click.command()
@click.argument("resource", metavar="KIND[.PATH]")
@click.option("--recursive", is_flag=True, help="All fields below, not just the next level.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text")
@click.option("--api-version", default="", help="API version of the kind.")
def explain(resource: str, recursive: bool, output: str, api_version: str) -> None:
    """Say what KIND, or the field at PATH, means: its type, default, limits and an example.

    KIND is written as for kubectl (workflow, wf, sensors, es, ...). PATH steps through lists and
    maps by itself: headrace explain wf.spec.templates.retryStrategy
    """
    from headrace.insight.explain import names, rendering, walking

    kind, path = names.split(resource)
    try:
        place = walking.find(names.find(kind, api_version), path)
    except names.UnknownName as error:
        raise click.ClickException(str(error)) from error
    if output == "json":
        click.echo(printing.as_json(rendering.as_json(place, recursive=recursive)))
    else:
        click.echo(rendering.as_text(place, recursive=recursive), nl=False)
