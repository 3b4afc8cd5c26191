"""What gojq and gopher-lua themselves answer to some five hundred small programs.

`data/scripts_reference.json` was made with gojq 0.12.19 and gopher-lua 1.1.2, the input read and
the result written by Go's encoding/json. Not in it, since the answers differ on purpose or in
words only: error texts that a program catches, Lua's `os` and `io`, look-around in patterns.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lang import gojson, jq, lua
from lang.errors import LangError

TABLE: dict[str, Any] = json.loads(
    (Path(__file__).parent / "data" / "scripts_reference.json").read_text(encoding="utf-8")
)
DATA = gojson.parse(TABLE["data"])


def shown(case: dict[str, Any]) -> str:
    return str(case["program"])[:60]


@pytest.mark.parametrize("case", TABLE["jq"], ids=shown)
def test_jq_answers_as_gojq(case: dict[str, Any]) -> None:
    if case.get("error"):
        with pytest.raises(LangError):
            jq.transform(case["program"], DATA)
    else:
        found = json.loads(gojson.marshal(jq.transform(case["program"], DATA)))
        assert found == json.loads(case["result"])


@pytest.mark.parametrize("case", TABLE["lua"], ids=shown)
def test_lua_answers_as_gopher_lua(case: dict[str, Any]) -> None:
    if case.get("error"):
        with pytest.raises(LangError):
            lua.transform(case["program"], DATA)
    else:
        found = json.loads(gojson.marshal(lua.transform(case["program"], DATA)))
        assert found == json.loads(case["result"])
