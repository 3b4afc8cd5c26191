"""Filters, transforms and parameters answer as recorded.

Excluded: what docs/decisions/006 lists.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.oracles import events_runner

DATA = Path(__file__).parent.parent / "oracles/data/events"
NOT_FOLLOWED = {
    "dest-38",  # a parsed document cannot hold a key twice
    "template-23",  # a template sees no environment
}
CASES = [
    case
    for name in ("filters.json", "parameters.json")
    for case in json.loads((DATA / name).read_text())
    if case["id"] not in NOT_FOLLOWED
]


def same(op: str, got: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Texts that hold JSON are compared as values; errors by being there."""
    if "error" in wanted:
        return "error" in got and got.get("pass", False) == wanted.get("pass", False)
    if "error" in got or got.keys() != wanted.keys():
        return False
    text = {"params": "result", "payload": "result", "transform": "data"}.get(op)
    if text is None:
        return got == wanted
    rest = {k: v for k, v in got.items() if k != text}
    if rest != {k: v for k, v in wanted.items() if k != text}:
        return False
    try:
        return bool(json.loads(got[text]) == json.loads(wanted[text]))
    except ValueError:
        return bool(got[text] == wanted[text])


@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
def test_agrees_with_the_recording(case: dict[str, Any]) -> None:
    got = events_runner.answer({k: v for k, v in case.items() if k != "answer"})
    assert same(case["op"], got, case["answer"]), got
