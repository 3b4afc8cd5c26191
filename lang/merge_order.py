"""The order of merged lists: items of the patch in its order, the others in theirs.

Owns the sort of apimachinery's strategic merge: an item that only the original has stays before
an item of the patch if it stood before it; new items come first. Caller: `merge_patch`.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any


def maps(merged: list[Any], order: Sequence[Any], before: Sequence[Any], key: str) -> list[Any]:
    """`merged` sorted by the keys of `order` (patch items) and `before` (the others)."""
    return _sorted(
        merged,
        [_hashable(item.get(key)) for item in merged],
        [_hashable(item.get(key)) if isinstance(item, dict) else None for item in order],
        [_hashable(item.get(key)) for item in before],
    )


def scalars(merged: list[Any], order: Sequence[Any], before: Sequence[Any]) -> list[Any]:
    """As `maps`, for lists whose items are their own keys."""
    keys = [[_hashable(item) for item in items] for items in (merged, order, before)]
    return _sorted(merged, *keys)


def _sorted(
    items: list[Any],
    keys: list[Hashable],
    order: Sequence[Hashable],
    before: Sequence[Hashable],
) -> list[Any]:
    rank = {key: index for index, key in reversed(list(enumerate(order)))}
    place = {key: index for index, key in reversed(list(enumerate(before)))}
    pairs = list(zip(keys, items, strict=True))
    ours = sorted((p for p in pairs if p[0] in rank), key=lambda p: rank[p[0]])
    theirs = sorted(
        (p for p in pairs if p[0] not in rank), key=lambda p: place.get(p[0], len(place))
    )
    result: list[Any] = []
    left = 0
    for key, item in ours:
        # Items of the original that stood before this one go first.
        while left < len(theirs) and key in place and place.get(theirs[left][0], -1) >= 0:
            if place[theirs[left][0]] >= place[key]:
                break
            result.append(theirs[left][1])
            left += 1
        result.append(item)
    result.extend(item for _, item in theirs[left:])
    return result


def _hashable(value: Any) -> Hashable:
    return value if isinstance(value, Hashable) else repr(value)
