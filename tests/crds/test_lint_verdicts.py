"""Lint against recorded verdicts and messages, strict and lax.

Two things differ on purpose: a loop over a text (`withItems: "{{…}}"`) and a sub-field of an input
are taken, as extensions. Texts of JSON and YAML decoders are our own.
"""

# ruff: noqa: E501 (recorded messages are long)
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crds.validation import Library, files, validate_workflow

RECORDED = json.loads((Path(__file__).parent / "data" / "lint.json").read_text())
EXTENSIONS = {"loop-04"}
OWN_WORDS = ("json:", "quantities must match", "strict decoding error")
UNCLEAR = {"tag-open"}  # the recorded text shows the inside of the recorded tool

CASES = [pytest.param(case, id=case["id"]) for case in RECORDED if case["verdict"] != "crash"]


def lint(case: dict[str, Any], *, strict: bool) -> files.Lint:
    texts = {"manifest.yaml": case["manifest"]}
    if case.get("refs"):
        texts["refs.yaml"] = case["refs"]
    return files.lint(texts, strict=strict)


def said(message: str) -> str:
    """The recorded message without the object's name before it."""
    if message.startswith("in "):
        message = message.split(": ", 1)[1]
    return message.removeprefix("Error: ")


@pytest.mark.parametrize("strict", [True, False], ids=["strict", "lax"])
@pytest.mark.parametrize("case", CASES)
def test_verdicts_and_messages_are_those_recorded(case: dict[str, Any], strict: bool) -> None:
    wanted = case if strict else {**case, **(case.get("notStrict") or {})}
    outcome = lint(case, strict=strict)
    messages = list(outcome.messages())
    if case["id"] in EXTENSIONS:
        assert outcome.ok
        return
    assert ("ok" if outcome.ok else "error") == wanted["verdict"], messages
    if case["id"] in UNCLEAR:
        return
    for message in wanted["messages"]:
        text = said(message)
        if text.startswith(("[", *OWN_WORDS)) or "json:" in text:
            continue
        assert text in messages or any(text in each for each in messages)


@pytest.mark.parametrize("case", CASES)
def test_every_finding_about_an_object_has_a_place(case: dict[str, Any]) -> None:
    for each in lint(case, strict=True).objects:
        assert all(finding.path for finding in each.findings), each


def test_what_crashed_the_recorded_tool_is_answered() -> None:
    [case] = [case for case in RECORDED if case["verdict"] == "crash"]
    assert isinstance(lint(case, strict=True).ok, bool)


def test_all_findings_of_an_object_come_at_once() -> None:
    manifest = """
kind: Workflow
metadata: {name: x}
spec:
  entrypoint: main
  podGC: {strategy: Sometimes}
  templates:
  - name: main
    dag:
      tasks:
      - {name: a, template: zz}
      - {name: b, template: leaf}
      - {name: b, template: leaf}
  - name: leaf
    container: {image: "", args: ["{{inputs.parameters.x}}"]}
    retryStrategy: {retryPolicy: Never}
"""
    [checked] = files.lint({"w.yaml": manifest}).objects
    assert {(each.path, each.message) for each in checked.findings} == {
        ("spec.podGC.strategy", "podGC.strategy unknown strategy 'Sometimes'"),
        ("spec.templates[0].dag.tasks[0].template", "templates.main.tasks.a template name 'zz' undefined"),
        ("spec.templates[0].dag.tasks[2]", "templates.main.tasks[2].name 'b' is not unique"),
        ("spec.templates[1]", "templates.main.tasks.b templates.leaf: failed to resolve {{inputs.parameters.x}}"),
        ("spec.templates[1].container.image", "templates.main.tasks.b templates.leaf.container.image may not be empty"),
        ("spec.templates[1].retryStrategy.retryPolicy", "templates.main.tasks.b Never is not a valid RetryPolicy"),
    }  # fmt: skip


def test_a_sub_field_of_an_input_is_known() -> None:
    manifest = """
kind: Workflow
metadata: {name: x}
spec:
  entrypoint: main
  arguments: {parameters: [{name: batch, value: '{"start": 1}'}]}
  templates:
  - name: main
    inputs: {parameters: [{name: batch}]}
    container: {image: a, args: ["{{inputs.parameters.batch.start}}"]}
"""
    outcome = files.lint({"w.yaml": manifest})
    assert outcome.ok
    [notice] = outcome.objects[0].notices
    assert notice.path == "spec.templates[0]"
    assert "{{inputs.parameters.batch.start}}" in notice.message


def test_extensions_are_taken_with_a_notice() -> None:
    task = {
        "name": "t",
        "template": "leaf",
        "withItems": "{{workflow.parameters.l}}",
        "parallelism": 2,
    }
    templates = [
        {"name": "main", "dag": {"tasks": [task]}},
        {"name": "leaf", "container": {"image": "a"}},
    ]
    arguments = {"parameters": [{"name": "l", "value": "[1]"}]}
    spec = {"entrypoint": "main", "templates": templates, "arguments": arguments}
    item = {"kind": "Workflow", "metadata": {"name": "x"}, "spec": spec}
    outcome = files.lint({"w.json": json.dumps(item)})
    assert outcome.ok
    assert [each.path for each in outcome.objects[0].notices] == [
        "spec.templates[0].dag.tasks[0].withItems",
        "spec.templates[0].dag.tasks[0].parallelism",
    ]


def test_long_chains_of_tasks_and_of_templates_end_with_an_answer() -> None:
    tasks = [
        {"name": f"t{i}", "template": "leaf", "dependencies": [f"t{i + 1}"]} for i in range(400)
    ]
    leaf = {"name": "leaf", "container": {"image": "a"}}
    main = {"name": "main", "dag": {"tasks": [*tasks, {"name": "t400", "template": "leaf"}]}}
    chain = [
        {"name": f"c{i}", "steps": [[{"name": "s", "template": f"c{i + 1}"}]]} for i in range(300)
    ]
    spec = {"entrypoint": "main", "templates": [main, leaf]}
    item = {"kind": "Workflow", "metadata": {"name": "x"}, "spec": spec}
    assert validate_workflow(item, Library()) == []
    deep = {**spec, "entrypoint": "c0", "templates": [*chain, {**leaf, "name": "c300"}]}
    found = validate_workflow({**item, "spec": deep}, Library())
    assert any("more than 100 deep" in each.message for each in found)
