"""The one way to run something for as long as the process runs.

A service is started once, says when it has started, and can be stopped any number of times,
also when it never started. Everything long-lived in headrace is one; a bare `create_task`
anywhere else is a bug. Children run in the service's own TaskGroup: the first that fails
stops the service, and `wait` raises what it raised.
"""

from __future__ import annotations

import abc
import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeVar

import structlog

_Answer = TypeVar("_Answer")
_PATIENCE = 10.0
"""Seconds until a task that still runs is cancelled again: its own clean-up takes less."""


async def end(task: asyncio.Task[Any]) -> None:
    """Cancel `task` and wait for it, whatever it comes to.

    More than once where it must be: until Python 3.12 `asyncio.wait_for`, which client libraries
    are full of, loses a cancellation that comes together with the answer it waits for.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_PATIENCE)


async def answered(answer: Awaitable[_Answer]) -> _Answer:
    """`answer`; raises the cancellation that came with it and was lost on the way (see `end`)."""
    found = await answer
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
    return found


class Service(abc.ABC):
    """Base of long-lived parts. Subclasses override `run` and call `self.mark_started()` in it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.log = structlog.get_logger(name)
        self._started = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._group: asyncio.TaskGroup | None = None

    @abc.abstractmethod
    async def run(self) -> None:
        """The body: call `mark_started()` once ready, then run until cancelled."""

    def mark_started(self) -> None:
        """Tell `start()` that the service is ready for use."""
        self._started.set()

    def spawn(self, body: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run `body` as a child of this service; only valid while it runs."""
        if self._group is None:
            body.close()
            raise RuntimeError(f"{self.name} is not running")
        return self._group.create_task(body, name=f"{self.name}/{name}")

    async def start(self, timeout: float = 30.0) -> None:
        """Start and wait until ready. Raises what the body raised, or TimeoutError."""
        if self._task is None:
            self._task = asyncio.create_task(self._main(), name=self.name)
        ready = asyncio.ensure_future(self._started.wait())
        try:
            async with asyncio.timeout(timeout):
                await asyncio.wait({ready, self._task}, return_when=asyncio.FIRST_COMPLETED)
        except BaseException:
            await self.stop()
            raise
        finally:
            ready.cancel()
        if self._task.done():
            await self._task

    async def wait(self) -> None:
        """Until the service has ended; raises what ended it (not the cancellation of `stop`)."""
        if self._task is not None:
            await asyncio.wait({self._task})  # a cancelled waiter stays cancelled
            if not self._task.cancelled():
                self._task.result()

    async def stop(self) -> None:
        """Cancel body and children and wait for them. Safe to call twice, or never started."""
        task = self._task
        if task is None:
            return
        await end(task)
        if not task.cancelled():
            task.exception()  # looked at: `wait` and `start` have raised it

    async def _main(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                self._group = group
                await self.run()
        except BaseExceptionGroup as errors:
            if len(errors.exceptions) == 1:
                raise errors.exceptions[0] from None
            raise
        finally:
            self._group = None

    def __repr__(self) -> str:
        if self._task is None:
            state = "NEW"
        elif self._task.done():
            state = "STOPPED"
        else:
            state = "RUNNING" if self._started.is_set() else "STARTING"
        return f"<{type(self).__name__} {self.name} {state}>"
