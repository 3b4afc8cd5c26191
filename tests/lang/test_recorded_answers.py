"""Every recorded answer of the reference for the languages of this folder.

Excluded: the few answers that are unsafe to give (`recorded.SAFER`).
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.lang import recorded

EXACT_FILES = (
    *("template-tags", "govaluate", "depends", "naming", "sequences", "aggregate"),
    *("process-args", "cron"),
)
OTHER_FILES = (
    *("govaluate-events", "cron-events", "labels-select", "resources-duration"),
    *("strategic-merge", "template-defaults", "join-spec", "retry-scope", "scalars", "yaml"),
    *("expr", "expr-sites", "expr-events", "gotemplate", "gjson", "sjson", "jq"),
)
# Here the words of a foreign library show: jq's, Lua's, client-go's dump of the whole object.
OWN_WORDS = ("jq-transform", "lua", "jsonpath", "filter-template")
CASES = [
    pytest.param(case, id=f"{file}-{case['id']}")
    for file in EXACT_FILES + OTHER_FILES + OWN_WORDS
    for case in recorded.load(file)
]


@pytest.mark.parametrize("case", CASES)
def test_answers_as_recorded(case: dict[str, Any]) -> None:
    given = recorded.answer(case)
    assert recorded.outcome(case, given), given


@pytest.mark.parametrize("file", EXACT_FILES)
def test_every_text_is_the_reference_text(file: str) -> None:
    assert list(recorded.failures(file, recorded.exact)) == []


@pytest.mark.parametrize("file", OTHER_FILES)
def test_nearly_every_text_is_the_reference_text(file: str) -> None:
    wrong = list(recorded.failures(file, recorded.exact))
    assert len(wrong) <= 0.03 * len(recorded.load(file)), wrong
