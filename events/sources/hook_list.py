"""One hook with our URL in a provider's list: made, mended, and kept the only one of its kind.

Two replicas may make the same hook at the same moment; each looks again after it made one, and the
older one stays. A hook that only has our URL is made to say what we want; it is never doubled.
Called by the `Hooks` of the Git hosts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Found:
    """A hook with our URL. `is_right`: it also has our events and settings, as far as one sees."""

    id: str
    is_right: bool


class HookList(Protocol):
    """The list of hooks of one place. All raise as `hook_keeping.Hooks` does."""

    async def ours(self) -> Sequence[Found]:
        """Hooks with our URL, the oldest first."""
        ...

    async def write(self, hook: str = "") -> None:
        """Make a hook, or make `hook` as we want it."""
        ...

    async def drop(self, hook: str) -> None:
        """Delete it; one that is not there is no error."""
        ...


async def settle(hooks: HookList) -> None:
    """Just one hook as we want it."""
    found = await hooks.ours()
    if not found:
        await hooks.write()
        found = await hooks.ours()  # another replica may have been as quick
    right = [hook.id for hook in found if hook.is_right]
    for extra in right[1:]:
        await hooks.drop(extra)
    if found and not right:
        await hooks.write(found[0].id)


async def clear(hooks: HookList) -> None:
    """None of our hooks."""
    for hook in await hooks.ours():
        await hooks.drop(hook.id)
