"""`headrace lint`: whether manifests are right, and what could be better about them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import click

from headrace.cli import printing
from headrace.cli.connection import Target, target_options
from headrace.insight.lint import fixing, reading, running, settings
from headrace.insight.lint.formats import FORMATS
from headrace.insight.lint.model import INVALID, Severity
from headrace.insight.lint.running import Known, Report

OK, ERRORS, NOT_RUN = 0, 1, 2
PASSES = 10


@click.command()
@click.argument("sources", metavar="[FILE|FOLDER|-]...", nargs=-1)
@click.option("--offline", is_flag=True, help="Look references up in these files only.")
@click.option(
    "--strict/--no-strict", default=True, help="Unknown fields and duplicate keys are errors."
)
@click.option("-o", "--output", type=click.Choice(list(FORMATS)), default="text", show_default=True)
@click.option("--fix", is_flag=True, help="Mend in the files what can be mended mechanically.")
@click.option(
    "--fail-on", type=click.Choice(["error", "warning"]), default="error", show_default=True
)
@target_options
def lint(
    target: Target,
    sources: tuple[str, ...],
    offline: bool,
    strict: bool,
    output: str,
    fix: bool,
    fail_on: str,
) -> None:
    """Check manifests. Exit code 0: no error; 1: errors; 2: it could not run."""
    if not sources:
        raise click.UsageError("give files, folders, or - for standard input")
    if fix and "-" in sources:
        raise click.UsageError("--fix changes files; standard input is none")
    try:
        chosen = settings.find(Path.cwd())
        texts = reading.read(sources)
    except (settings.SettingsError, reading.Unreadable) as error:
        raise _NotRun(str(error)) from error
    known = Known() if offline else _known(target, texts.by_file)
    report = running.lint(texts.by_file, strict=strict, settings=chosen, known=known)
    passes = PASSES if fix else 0
    while passes and _mend(texts.by_file, report):
        passes -= 1  # edits that got into each other's way are made in the next pass
        report = running.lint(texts.by_file, strict=strict, settings=chosen, known=known)
    if texts.broken:
        # Nothing to lint is no news where the files could not be read.
        kept = [f for f in report.findings if f.file or f.rule != INVALID or texts.by_file]
        report = replace(report, findings=tuple(sorted([*kept, *texts.broken])))
    click.echo(FORMATS[output](report))
    bad = report.count(Severity.ERROR)
    if fail_on == "warning":
        bad += report.count(Severity.WARNING)
    raise click.exceptions.Exit(ERRORS if bad else OK)


class _NotRun(click.ClickException):
    exit_code = NOT_RUN


def _known(target: Target, texts: dict[str, str]) -> Known:
    """What the cluster holds, when the files refer to something that may be there."""
    from headrace.insight.lint import cluster

    if not cluster.needed(texts):
        return Known()

    async def ask() -> Known:
        async with target.connect() as connection:
            return await cluster.known(connection.cluster, connection.namespace)

    try:
        return asyncio.run(ask())
    except click.ClickException as error:
        text = f"{error.format_message()}. Or look at the files alone: --offline"
        raise _NotRun(text) from error
    except Exception as error:
        text = f"the cluster cannot be asked ({error}). Or look at the files alone: --offline"
        raise _NotRun(text) from error


def _mend(texts: dict[str, str], report: Report) -> bool:
    """Make the edits that do not get into each other's way; whether there were any."""
    changed = False
    for file, text in texts.items():
        mended, count = fixing.fixed(text, (f for f in report.findings if f.file == file))
        if count:
            Path(file).write_text(mended)
            texts[file] = mended
            printing.progress(f"{file}: mended {count}")
            changed = True
    return changed
