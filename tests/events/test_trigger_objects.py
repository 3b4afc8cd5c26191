"""The object of a trigger that is given as text: read as kubectl reads it."""

from __future__ import annotations

from typing import Any, cast

import pytest

from events.triggers import source
from events.triggers.contract import FiringContext, TriggerFailed

# Where the object is given inline nothing is asked of the context.
NO_CONTEXT = cast("FiringContext", None)


async def inline(text: str) -> dict[str, Any]:
    return await source.fetch(NO_CONTEXT, {"inline": text})


async def test_words_numbers_and_dates_are_those_of_kubernetes() -> None:
    text = "when: 2026-01-31\nat: 2026-01-31T05:00:00Z\ntime: 1:30\nmode: 010\nflag: on\n"
    assert await inline(text) == {
        "when": "2026-01-31",
        "at": "2026-01-31T05:00:00Z",
        "time": "1:30",
        "mode": 8,
        "flag": True,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "source.inline: is no YAML: "),
        ("- a", "source.inline: is no object"),
        (
            "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
            + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)),
            "excessive aliasing",
        ),
        ("a: " + "[" * 5000, "nested too deeply"),
    ],
)
async def test_bad_texts_are_given_up_with_a_reason(text: str, message: str) -> None:
    with pytest.raises(TriggerFailed, match=message.replace(".", r"\.")) as caught:
        await inline(text)
    assert caught.value.permanent
