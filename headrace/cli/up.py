"""`headrace up`: everything in one process, until it is told to stop."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click

from headrace.cli import printing
from headrace.local import instance
from kube import egress_rules

RUNTIMES = click.Choice(["auto", "podman", "docker", "bubblewrap", "process"])
PATIENCE = 60.0  # seconds that a detached start may take


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), help="Folder of all state.")
@click.option("--port", type=int, default=None, help="Port of the API server; 0 takes a free one.")
@click.option("--runtime", type=RUNTIMES, default="auto", show_default=True, help="How pods run.")
@click.option("--nats-server", type=click.Path(path_type=Path), help="nats-server to use.")
@click.option(
    "--egress-allow",
    multiple=True,
    envvar="HEADRACE_EGRESS_ALLOW",
    metavar="HOST|NETWORK[:PORT]",
    help="Where triggers and url sources may connect to, and nowhere else; may be repeated.",
)
@click.option(
    "--trigger-files",
    type=click.Path(path_type=Path),
    multiple=True,
    envvar="HEADRACE_TRIGGER_FILES",
    help="Folder that triggers may read objects from, instead of all; may be repeated.",
)
@click.option("--detach", is_flag=True, help="Return when it is ready and leave it running.")
@click.option("--log-level", default="info", show_default=True)
def up(  # noqa: PLR0913 - its options
    data_dir: Path | None,
    port: int | None,
    runtime: str,
    nats_server: Path | None,
    egress_allow: tuple[str, ...],
    trigger_files: tuple[Path, ...],
    detach: bool,
    log_level: str,
) -> None:
    """Start a cluster on this machine: API, pods, NATS, events and workflows."""
    try:
        allowed = egress_rules.parse(egress_allow)
    except egress_rules.BadRule as error:
        raise click.BadParameter(str(error), param_hint="--egress-allow") from None
    folder = (data_dir or instance.default_data_dir()).absolute()
    instance.prepare(folder)
    if detach:
        _detached(folder)
        return
    from headrace import app

    options = app.Options(
        folder,
        port,
        runtime,
        nats_server,
        log_level=log_level,
        egress_allow=allowed,
        trigger_files=tuple(each.absolute() for each in trigger_files) or (Path("/"),),
    )
    with instance.locked(folder):
        asyncio.run(_serve(options))


async def _serve(options: app.Options) -> None:  # type: ignore[name-defined]  # noqa: F821
    from headrace import app

    began = time.monotonic()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    application = app.Application(options)
    printing.progress(f"starting headrace in {options.data_dir} ...")
    starting = asyncio.ensure_future(application.start(timeout=120))
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            return
        await starting
        running = instance.Instance(options.data_dir, os.getpid(), application.url)
        instance.record(running)
        _ready(running, time.monotonic() - began)
        ended = asyncio.ensure_future(application.wait())
        await asyncio.wait({ended, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if ended.done():
            await ended
        else:
            printing.progress("stopping ...")
    finally:
        starting.cancel()
        stopping.cancel()
        await application.stop()
        instance.forget(options.data_dir)


def _ready(running: instance.Instance, seconds: float) -> None:
    printing.progress(
        f"headrace is ready at {running.url} after {seconds:.1f} s\n"
        f"  export KUBECONFIG={running.kubeconfig}\n"
        "  headrace apply -f FILE, headrace submit FILE --watch, or kubectl"
    )


def _detached(folder: Path) -> None:
    """Start the same command in a session of its own and wait until it serves."""
    arguments = [a for a in sys.argv[1:] if a != "--detach"]
    log = folder / "headrace.out"
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        child = subprocess.Popen(  # noqa: S603 - this very program
            [sys.executable, "-m", "headrace.cli.main", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
        )
    finally:
        os.close(descriptor)
    began = time.monotonic()
    while time.monotonic() - began < PATIENCE:
        found = instance.running(folder)
        if found is not None and found.pid == child.pid:
            _ready(found, time.monotonic() - began)
            return
        if child.poll() is not None:
            last = log.read_text().strip().splitlines()[-1:] or ["it ended without a word"]
            raise click.ClickException(last[0].removeprefix("Error: "))
        time.sleep(0.05)
    child.terminate()
    raise click.ClickException(f"headrace was not ready after {PATIENCE:.0f} s; see {log}")
