"""Data templates over the folder of this machine that stands for a bucket."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.engine.rig import Rig, node_of

KEYS = ["in/a.pdf", "in/b.txt", "in/sub/c.pdf", "in/sub/d.pdf", "other/e.pdf"]


async def node(rig: Rig, data: dict[str, Any]) -> dict[str, Any]:
    for key in KEYS:
        path = rig.folder / "artifacts" / "artifacts" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    await rig.up()
    await rig.submit({"templates": [{"name": "main", "data": data}]})
    return node_of(await rig.ended(), "wf")


def source(key: str) -> dict[str, Any]:
    return {"artifactPaths": {"name": "in", "s3": {"key": key}}}


@pytest.mark.parametrize(
    ("key", "steps", "expected"),
    [
        ("in/", [], KEYS[:4]),
        ("in/s", [], KEYS[2:4]),
        ("in/", ["filter(data, {# endsWith \".pdf\"})"], [KEYS[0], KEYS[2], KEYS[3]]),
        ("in/", ["filter(data, {# endsWith \".pdf\"})", "map(data, {# + \".ocr\"})", "data[0]"],
         "in/a.pdf.ocr"),
        ("nothing/", ["len(data)"], 0),
    ],
)  # fmt: skip
async def test_keys_are_listed_and_transformed(
    rig: Rig, key: str, steps: list[str], expected: Any
) -> None:
    data = {"source": source(key), "transformation": [{"expression": s} for s in steps]}
    if not steps:
        data["transformation"] = [{"expression": "data"}]
    found = await node(rig, data)
    assert (found["type"], found["phase"]) == ("Pod", "Succeeded")
    assert json.loads(found["outputs"]["result"]) == expected


async def test_an_expression_that_fails_fails_the_node(rig: Rig) -> None:
    data = {"source": source("in/"), "transformation": [{"expression": "data[99].x"}]}
    found = await node(rig, data)
    assert found["phase"] == "Failed"
    assert found["message"]
