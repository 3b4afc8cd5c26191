"""Stored events on the terminal: whatever a sender may send is printed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from headrace.cli import eventprinting
from tests.insight.events.sensors import stored

HALF = b'{"half": "\\ud800", "big": 123456789012345678901234567890}'


@pytest.mark.parametrize("output", [None, "json", "yaml"])
def test_numbers_and_texts_of_any_kind_are_printed(
    output: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    found = stored({})
    assert found.event is not None
    event = type(found.event)("e1", "hooks", "webhook", "push", "2026-01-01T00:00:00Z", HALF)
    eventprinting.one(replace(found, event=event), output)
    said = capsys.readouterr().out
    assert "123456789012345678901234567890" in said
    assert "ud800" in said.lower()
    if output == "json":
        assert json.loads(said)["data"] == json.loads(HALF)


def test_a_value_takes_one_line() -> None:
    assert eventprinting.short("a\nb") == "a\\nb"
    assert eventprinting.short(None) == "(nothing)"
    assert len(eventprinting.short("x" * 500)) == eventprinting.LONGEST + 1
