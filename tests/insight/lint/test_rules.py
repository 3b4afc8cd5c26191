"""Every rule finds its bad example and not its good one; what it mends stays mended."""

from __future__ import annotations

from pathlib import Path

import pytest

from headrace.insight.lint import docs, fixing, registry, running
from headrace.insight.lint.model import Finding, Severity
from headrace.insight.lint.rule import Rule
from lang import yaml

RULES = [pytest.param(rule, id=rule.id) for rule in registry.RULES]
ROOT = Path(__file__).parents[3]


def found(text: str, rule: str = "") -> list[Finding]:
    report = running.lint({"file.yaml": text})
    return [each for each in report.findings if not rule or each.rule == rule]


def mended(text: str, rule: str) -> str:
    for _ in range(10):
        text, count = fixing.fixed(text, found(text, rule))
        if not count:
            return text
    raise AssertionError("the edits never end")


@pytest.mark.parametrize("rule", RULES)
def test_the_bad_example_is_bad_and_the_good_one_good(rule: Rule) -> None:
    bad = found(rule.bad, rule.id)
    assert bad
    assert found(rule.good, rule.id) == []
    for text in (rule.bad, rule.good):
        assert [f.message for f in found(text) if f.severity is Severity.ERROR] == []
    for each in bad:
        assert each.line > 1
        assert each.path.startswith("spec")


@pytest.mark.parametrize("rule", [p for p in RULES if p.values[0].fixes])  # type: ignore[union-attr]
def test_what_is_mended_is_good_and_stays_as_it_is(rule: Rule) -> None:
    text = mended(rule.bad, rule.id)
    assert found(text, rule.id) == []
    assert mended(text, rule.id) == text


def test_ids_are_unique_and_pages_are_current() -> None:
    assert len({rule.id for rule in registry.RULES}) == len(registry.RULES)
    for name, text in docs.pages().items():
        assert (ROOT / "docs" / "lint" / name).read_text() == text, (
            "python -m headrace.insight.lint.docs docs/lint"
        )
    assert len(list((ROOT / "docs" / "lint").iterdir())) == len(registry.RULES) + 1


def test_the_examples_of_the_project_are_clean() -> None:
    texts = {str(path): path.read_text() for path in (ROOT / "examples").rglob("*.yaml")}
    report = running.lint(texts)
    assert [f"{f.file}:{f.line} {f.message}" for f in report.findings] == []
    assert report.objects > 10


SCRIPT = """\
# kept
kind: Workflow
metadata: {{generateName: x-}}
spec:
  entrypoint: main  # kept too
  arguments:
    parameters: [{{name: who, value: you}}]
  templates:
    - name: main
      {body}
"""


def script(body: str) -> str:
    return SCRIPT.format(body=body)


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (
            "container: {image: a:1, command: [sh, -c, 'echo {{workflow.parameters.who}}']}",
            "command: [sh, -c, 'echo \"${WHO}\"']",
        ),
        (
            'container: {image: a, command: [sh, -c], args: ["echo {{workflow.parameters.who}}"]}',
            'args: ["echo \\"${WHO}\\""]',
        ),
        (
            "script: {image: a, command: [sh], source: 'echo \"hi {{workflow.parameters.who}}\"'}",
            "source: 'echo \"hi ${WHO}\"'",
        ),
        (
            (
                "script:\n        image: a:1\n        command: [sh]\n        env:\n"
                "          - name: A\n            value: b\n        source: |\n"
                "          # a remark's quote\n          echo {{workflow.parameters.who}} done\n"
            ),
            'echo "${WHO}" done',
        ),
    ],
)
def test_a_pasted_parameter_moves_to_the_environment(body: str, wanted: str) -> None:
    text = mended(script(body), "script-injection")
    assert wanted in text
    assert text.startswith("# kept\n")
    assert "# kept too" in text
    template = yaml.load(text)["spec"]["templates"][0]
    env = (template.get("container") or template["script"])["env"]
    assert {"name": "WHO", "value": "{{workflow.parameters.who}}"} in env
    assert found(text, "script-injection") == []


@pytest.mark.parametrize(
    "body",
    [
        "script: {image: a:1, command: [sh], source: \"echo '{{workflow.parameters.who}}'\"}",
        "script: {image: a:1, command: [sh], source: 'echo $(id {{workflow.parameters.who}})'}",
        "script: {image: a:1, command: [python], source: 'print(\"{{workflow.parameters.who}}\")'}",
    ],
)
def test_what_cannot_be_mended_safely_is_only_said(body: str) -> None:
    [finding] = found(script(body), "script-injection")
    assert finding.edits == ()
    assert "WHO" in finding.message


@pytest.mark.parametrize(
    "body",
    [
        "container: {image: a:1, command: [echo, '{{workflow.parameters.who}}']}",
        "script: {image: a:1, command: [sh], source: 'echo {{workflow.name}} {{pod.name}}'}",
        "script: {image: a:1, command: [sh], source: 'echo {{outputs.parameters.x.path}}'}",
    ],
)
def test_what_no_program_reads_as_code_is_fine(body: str) -> None:
    assert found(script(body), "script-injection") == []


def test_taint_is_followed_through_templates_of_other_objects() -> None:
    sensor = next(r for r in registry.RULES if r.id == "event-injection").bad.split("---\n")[1]
    build = """\
kind: WorkflowTemplate
metadata: {name: build}
spec:
  entrypoint: main
  arguments: {parameters: [{name: branch}]}
  templates:
    - name: main
      steps:
        - - name: go
            templateRef: {name: tools, template: checkout}
            arguments:
              parameters: [{name: ref, value: "v-{{workflow.parameters.branch}}"}]
"""
    tools = """\
kind: WorkflowTemplate
metadata: {name: tools}
spec:
  templates:
    - name: checkout
      inputs: {parameters: [{name: ref}]}
      container: {image: "git:1", command: [sh, -c, 'git checkout {{inputs.parameters.ref}}']}
    - name: other
      inputs: {parameters: [{name: ref}]}
      container: {image: "git:1", command: [sh, -c, 'git show {{inputs.parameters.ref}}']}
"""
    report = running.lint({"a.yaml": build, "b.yaml": tools, "c.yaml": sensor})
    by_rule = {f.rule: f for f in report.findings if f.rule.endswith("-injection")}
    assert by_rule["event-injection"].path == "spec.templates[0].container.command[2]"
    assert "Sensor on-push" in by_rule["event-injection"].message
    assert by_rule["script-injection"].path == "spec.templates[1].container.command[2]"


def test_secrets_are_never_printed() -> None:
    token = "ghp_" + "a1B2" * 9
    body = f"container: {{image: a:1, command: [curl], args: ['--token={token}']}}"
    [finding] = found(script(body), "secret-literal")
    assert token not in finding.message
