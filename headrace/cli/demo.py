"""`headrace demo`: a cluster in a temporary folder, two events, and what they started."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click

import headrace
from headrace.cli import printing
from headrace.cli.connection import Target, asynchronous


@click.command()
@click.option("--keep", is_flag=True, help="Leave the cluster running at the end.")
@click.option("--runtime", default="auto", show_default=True, help="How pods run, as for up.")
def demo(keep: bool, runtime: str) -> None:
    """Show the main job on this machine: a GitHub push and an S3 upload, each to its workflow."""
    folder = Path(tempfile.mkdtemp(prefix="headrace-demo-"))
    program = [sys.executable, "-m", "headrace.cli.main"]
    common = ["--data-dir", str(folder)]
    try:
        started = subprocess.run(  # noqa: S603 - this very program
            [*program, "up", *common, "--port", "0", "--runtime", runtime, "--detach"], check=False
        )
        if started.returncode:
            raise click.exceptions.Exit(started.returncode)
        _tell(folder, kept=keep)
    except BaseException:
        keep = False
        raise
    finally:
        if not keep:
            subprocess.run([*program, "down", *common], check=False, capture_output=True)  # noqa: S603
            shutil.rmtree(folder, ignore_errors=True)


@asynchronous
async def _tell(folder: Path, *, kept: bool) -> None:
    from headrace.demo.story import Story, how_to_go_on

    async with Target(str(folder / "kubeconfig"), None, "default").connect() as connection:
        story = Story(connection, examples())
        push = await story.github()
        await story.redelivery(push)
        await story.s3()
        await story.replay(folder / "kubeconfig")
        await story.count()
    how_to_go_on(printing.console(), folder, kept=kept)


def examples() -> Path:
    """The examples: inside an installed package, or beside it in a checkout."""
    package = Path(headrace.__file__).parent
    for folder in (package / "examples", package.parent / "examples"):
        if (folder / "github-ci").is_dir():
            return folder
    raise click.ClickException("the examples are not installed")
