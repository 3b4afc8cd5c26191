"""What gjson 1.19.0 finds and sjson 1.2.5 sets, in documents with blanks and equal values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lang import gjson_text, gojson, sjson, sjson_text
from lang.errors import LangError

TABLE: dict[str, Any] = json.loads(
    (Path(__file__).parent / "data" / "paths_reference.json").read_text(encoding="utf-8")
)
DOCUMENT, OBJECT = TABLE["document"], TABLE["object"]


@pytest.mark.parametrize("case", TABLE["found"], ids=lambda case: str(case["path"]))
def test_a_path_finds_what_gjson_finds_with_its_text(case: dict[str, Any]) -> None:
    found = gjson_text.get(DOCUMENT, case["path"])
    if case.get("missing"):
        assert not found.exists
    else:
        shown = "null" if found.type == "Null" else found.string
        assert (shown, found.type) == (case["result"], case["type"])


@pytest.mark.parametrize("case", TABLE["set"], ids=lambda case: str(case["dest"]))
def test_a_value_is_set_where_sjson_sets_it(case: dict[str, Any]) -> None:
    def in_tree() -> str:
        return gojson.dumps(sjson.set_raw(gojson.parse(OBJECT), case["dest"], '"NEW"'))

    def in_text() -> str:
        return sjson_text.set_raw(OBJECT, case["dest"], '"NEW"')

    if case.get("error"):
        for change in (in_tree, in_text):
            with pytest.raises(LangError):
                change()
    else:
        assert json.loads(in_tree()) == json.loads(case["result"])
        assert in_text() == case["result"]


def test_a_value_found_by_name_is_not_taken_for_an_equal_one_elsewhere() -> None:
    parameters = [{"name": name, "value": ""} for name in ("a", "b", "c")]
    found = sjson.set({"p": parameters, "note": ""}, 'p.#(name=="b").value', "x")
    assert found["note"] == ""
    assert [p["value"] for p in found["p"]] == ["", "x", ""]
