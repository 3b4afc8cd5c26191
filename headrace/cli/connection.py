"""Which cluster a command talks to, and the options that choose it.

In order: `--kubeconfig`/`--context`, then a running `headrace up`, then `KUBECONFIG` and the
usual kubeconfig, then the pod's own service account.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import click

from headrace.local import instance
from kube.http import HttpCluster, Patience

PATIENCE = 5.0  # seconds in which a person wants to hear that nothing answers

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Target:
    """What the common options said; `namespace` is None when none was named."""

    kubeconfig: str | None
    context: str | None
    namespace: str | None

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Connection]:
        """An open connection, closed at the end."""
        kubeconfig = self.kubeconfig
        if not kubeconfig and not self.context:
            running = instance.running()
            kubeconfig = str(running.kubeconfig) if running else None
        cluster = HttpCluster.from_config(
            kubeconfig=kubeconfig,
            context=self.context,
            on_warning=_show_warning,
            patience=Patience(total=PATIENCE),
        )
        try:
            yield Connection(cluster, self.namespace or cluster.default_namespace or "default")
        finally:
            await cluster.close()


@dataclass(frozen=True, slots=True)
class Connection:
    """An API and the namespace that commands mean."""

    cluster: HttpCluster
    namespace: str


def _show_warning(text: str) -> None:
    click.echo(f"Warning: {text}", err=True)


def target_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add `-n`, `--kubeconfig` and `--context`; the command gets them as `target: Target`."""

    @click.option("-n", "--namespace", envvar="ARGO_NAMESPACE", help="Namespace of the objects.")
    @click.option("--kubeconfig", help="Path of a kubeconfig file.")
    @click.option("--context", help="Context of the kubeconfig.")
    @functools.wraps(command)
    def wrapped(
        *args: Any,
        namespace: str | None,
        kubeconfig: str | None,
        context: str | None,
        **options: Any,
    ) -> Any:
        return command(*args, target=Target(kubeconfig, context, namespace), **options)

    return wrapped


def asynchronous(body: Callable[P, Awaitable[R]]) -> Callable[P, R]:
    """Run an async command body to its end."""

    @functools.wraps(body)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        async def main() -> R:
            return await body(*args, **kwargs)

        return asyncio.run(main())

    return run
