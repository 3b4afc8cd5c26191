"""WorkflowEventBindings: which events are meant, and what they start."""

from __future__ import annotations

from typing import Any

import pytest

from engine.core import eventbinding
from engine.core.eventbinding import BindingError, Posted

TEMPLATE = {
    "kind": "WorkflowTemplate",
    "metadata": {"name": "build"},
    "spec": {"workflowMetadata": {"labels": {"team": "a"}}},
}
EVENT = Posted("ns", "push", {"repo": "r", "n": 3, "tags": ["a", "b"]}, {"x-kind": ["tag"]})


def binding(selector: str = "true", **submit: Any) -> dict[str, Any]:
    body = {"workflowTemplateRef": {"name": "build"}, **submit}
    return {"metadata": {"name": "b"}, "spec": {"event": {"selector": selector}, "submit": body}}


def argument(source: str) -> dict[str, Any]:
    return {"parameters": [{"name": "p", "valueFrom": {"event": source}}]}


@pytest.mark.parametrize(
    ("selector", "meant"),
    [
        ("payload.repo == 'r' && discriminator == 'push'", True),
        ("metadata['x-kind'][0] == 'tag'", True),
        ("payload.n > 3", False),
        ("namespace != 'ns'", False),
    ],
)
def test_a_selector_sees_payload_headers_and_names(selector: str, meant: bool) -> None:
    assert eventbinding.matches(binding(selector), EVENT) is meant


@pytest.mark.parametrize("selector", ["payload.", "'a'", "nothing == 1"])
def test_a_selector_that_is_no_condition_is_an_error(selector: str) -> None:
    with pytest.raises(BindingError):
        eventbinding.matches(binding(selector), EVENT)


def test_the_workflow_refers_to_the_template_and_names_the_binding() -> None:
    made = eventbinding.workflow(binding(), TEMPLATE, EVENT, "abcde")
    assert made["metadata"]["name"] == "build-abcde"
    assert made["metadata"]["namespace"] == "ns"
    assert made["metadata"]["labels"] == {
        "team": "a",
        "workflows.argoproj.io/workflow-template": "build",
        "workflows.argoproj.io/workflow-event-binding": "b",
    }
    assert made["spec"] == {"workflowTemplateRef": {"name": "build"}}


@pytest.mark.parametrize(
    ("source", "value"),
    [("payload.repo", "r"), ("payload.n + 1", "4"), ("payload.tags", '["a","b"]')],
)
def test_arguments_are_results_of_expressions(source: str, value: str) -> None:
    given = binding(arguments=argument(source))
    made = eventbinding.workflow(given, TEMPLATE, EVENT, "x")
    assert made["spec"]["arguments"] == {"parameters": [{"name": "p", "value": value}]}


def test_metadata_is_made_of_expressions() -> None:
    given = binding(metadata={"name": "'run-' + payload.repo", "labels": {"k": "discriminator"}})
    made = eventbinding.workflow(given, TEMPLATE, EVENT, "x")
    assert made["metadata"]["name"] == "run-r"
    assert made["metadata"]["labels"]["k"] == "push"
    with pytest.raises(BindingError, match="must evaluate to a string"):
        eventbinding.workflow(binding(metadata={"name": "payload.n"}), TEMPLATE, EVENT, "x")


def test_an_argument_needs_an_expression() -> None:
    given = binding(arguments={"parameters": [{"name": "p", "value": "1"}]})
    with pytest.raises(BindingError, match="valueFrom is nil"):
        eventbinding.workflow(given, TEMPLATE, EVENT, "x")
