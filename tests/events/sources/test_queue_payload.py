"""What the payloads of queue messages are made of."""

from __future__ import annotations

import pytest

from events.sources import queue_payload


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "0001-01-01 00:00:00 +0000 UTC"),
        (0, "1970-01-01 00:00:00 +0000 UTC"),
        (1_700_000_000.12, "2023-11-14 22:13:20.12 +0000 UTC"),
        (-1, "1969-12-31 23:59:59 +0000 UTC"),
        (253_402_300_800, "10000-01-01 00:00:00 +0000 UTC"),
        (1_700_000_000_120, "55840-11-08 22:15:20 +0000 UTC"),
        (-62_135_596_800, "0001-01-01 00:00:00 +0000 UTC"),
        (-62_135_596_801, "0000-12-31 23:59:59 +0000 UTC"),
        (-62_167_219_201, "-0001-12-31 23:59:59 +0000 UTC"),
        (2**63 - 1, "292277026596-12-04 15:30:07 +0000 UTC"),
    ],
)
def test_any_moment_is_shown_as_go_shows_it(seconds: float | None, text: str) -> None:
    assert queue_payload.go_time(seconds) == text
