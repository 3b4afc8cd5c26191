"""One hook of ours in a list, whatever another replica does meanwhile."""

from __future__ import annotations

from dataclasses import dataclass, field

from events.sources import hook_list
from events.sources.hook_list import Found


@dataclass(slots=True)
class Listed:
    """`rival`: a hook that another replica makes while we make ours."""

    hooks: dict[str, bool] = field(default_factory=dict)
    rival: str = ""
    did: list[str] = field(default_factory=list)

    async def ours(self) -> list[Found]:
        return [Found(name, is_right) for name, is_right in sorted(self.hooks.items())]

    async def write(self, hook: str = "") -> None:
        self.did.append(f"write {hook}".strip())
        if self.rival:
            self.hooks[self.rival] = True
        self.hooks[hook or "5"] = True

    async def drop(self, hook: str) -> None:
        self.did.append(f"drop {hook}")
        self.hooks.pop(hook, None)


async def test_a_missing_hook_is_made_once() -> None:
    listed = Listed()
    await hook_list.settle(listed)
    await hook_list.settle(listed)
    assert listed.did == ["write"]


async def test_of_two_made_at_the_same_moment_the_older_stays() -> None:
    mine, other = Listed(rival="4"), Listed(rival="6")
    await hook_list.settle(mine)
    await hook_list.settle(other)
    assert (mine.did, list(mine.hooks)) == (["write", "drop 5"], ["4"])
    assert (other.did, list(other.hooks)) == (["write", "drop 6"], ["5"])


async def test_a_hook_that_says_something_else_is_mended_not_doubled() -> None:
    listed = Listed({"1": False, "2": False})
    await hook_list.settle(listed)
    assert (listed.did, list(listed.hooks)) == (["write 1"], ["1", "2"])


async def test_what_only_has_our_url_stays_beside_the_right_one() -> None:
    listed = Listed({"1": False, "2": True})
    await hook_list.settle(listed)
    assert listed.did == []


async def test_all_of_ours_are_removed() -> None:
    listed = Listed({"1": False, "2": True})
    await hook_list.clear(listed)
    assert listed.hooks == {}
