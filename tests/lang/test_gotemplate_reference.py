"""What Go itself answers to some two thousand small templates: results and error texts.

`data/gotemplate_reference.json` was made with Go 1.26's text/template, sprig 3.3.0 and
Masterminds/semver 3.4.0: calls of every function with fitting and unfitting arguments, printf
verbs, time layouts, and templates with a mistake in them. Not in it, since the answers differ on
purpose or from run to run: addresses (`%p`), nanoseconds (times hold microseconds), a deep copy
of a version (empty in Go), what depends on the clock, and the order of a map.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lang import gojson, gotemplate
from lang.errors import LangError

TABLE: dict[str, Any] = json.loads(
    (Path(__file__).parent / "data" / "gotemplate_reference.json").read_text(encoding="utf-8")
)
DATA = {"Input": gojson.plain_floats(TABLE["data"])}


def answer(template: str) -> dict[str, str]:
    try:
        return {"result": gotemplate.compile(template).render(DATA)}
    except LangError as error:
        return {"error": error.message}


@pytest.mark.parametrize("case", TABLE["cases"], ids=lambda case: str(case["template"])[:60])
def test_answers_as_go(case: dict[str, str]) -> None:
    assert {"template": case["template"], **answer(case["template"])} == case


def test_the_data_survives_all_templates() -> None:
    for case in TABLE["cases"]:
        answer(case["template"])
    assert {"Input": gojson.plain_floats(TABLE["data"])} == DATA
