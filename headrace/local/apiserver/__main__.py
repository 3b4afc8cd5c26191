"""`python -m headrace.local.apiserver`: the API server alone, for tests and for other clients."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import click

from headrace.local.apiserver.server import ApiServer, Settings


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path), required=True)
@click.option("--port", type=int, default=0)
@click.option("--token", default="")
@click.option("--insecure-http", is_flag=True, help="No TLS; still loopback only.")
def main(data_dir: Path, port: int, token: str, insecure_http: bool) -> None:
    """Serve until interrupted."""
    data_dir.mkdir(parents=True, exist_ok=True)
    asyncio.run(_serve(Settings(data_dir, port, token, insecure_http)))


async def _serve(settings: Settings) -> None:
    server = ApiServer(settings)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await server.start()
    server.set_ready()
    click.echo(server.url)
    await stop.wait()
    await server.stop()


if __name__ == "__main__":
    main()
