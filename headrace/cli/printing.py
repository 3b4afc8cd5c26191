"""Where output goes and in which form. No colour codes reach a pipe."""

from __future__ import annotations

import os
import sys
from typing import Any

import click
from rich.console import Console


def console() -> Console:
    """The console of this command's output, as wide as it needs to be when piped."""
    if sys.stdout.isatty():
        return Console(highlight=False, no_color=bool(os.environ.get("NO_COLOR")))
    return Console(highlight=False, no_color=True, width=250, soft_wrap=True)


def as_json(value: Any) -> str:
    """Indented JSON, keys as they are."""
    import orjson

    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def as_yaml(value: Any) -> str:
    """YAML that kubectl reads back."""
    import yaml

    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=4096)
    return text.rstrip("\n")


def echo_object(value: Any, output: str) -> None:
    """Print an object as `json` or `yaml`, or its name."""
    match output:
        case "json":
            click.echo(as_json(value))
        case "yaml":
            click.echo(as_yaml(value))
        case _:
            click.echo(value["metadata"]["name"])


def progress(text: str) -> None:
    """A line about what is going on, on stderr."""
    click.echo(text, err=True)
