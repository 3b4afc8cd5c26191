"""From options and stored templates to workflows."""

from __future__ import annotations

import pytest

from crds import submission


def test_a_given_parameter_replaces_the_declared_one_and_moves_to_the_front() -> None:
    declared = {
        "metadata": {"generateName": "a-"},
        "spec": {
            "arguments": {"parameters": [{"name": "x", "value": "1"}, {"name": "y", "enum": ["2"]}]}
        },
    }
    made = submission.with_options(declared, submission.Options(parameters={"y": "2", "z": "3"}))
    assert made["spec"]["arguments"]["parameters"] == [
        {"name": "y", "value": "2"},
        {"name": "z", "value": "3"},
        {"name": "x", "value": "1"},
    ]
    assert declared["spec"]["arguments"]["parameters"][0] == {"name": "x", "value": "1"}


@pytest.mark.parametrize("text", ["x", "=1", ""])
def test_a_malformed_parameter_is_refused_in_argos_words(text: str) -> None:
    with pytest.raises(submission.SubmissionError) as error:
        submission.parse_parameter(text)
    assert str(error.value) == f"expected parameter of the form: NAME=VALUE. Received: {text}"


def test_a_value_may_hold_equal_signs() -> None:
    assert submission.parse_parameter("q=a=b") == ("q", "a=b")


def test_a_workflow_of_a_template_refers_to_it() -> None:
    stored = {"kind": "WorkflowTemplate", "metadata": {"name": "ci"}, "spec": {}}
    made = submission.from_stored(stored, submission.Options())
    assert made["spec"] == {"workflowTemplateRef": {"name": "ci"}}
    assert made["metadata"]["generateName"] == "ci-"


def test_a_workflow_of_a_cluster_template_says_so() -> None:
    stored = {"kind": "ClusterWorkflowTemplate", "metadata": {"name": "ci"}, "spec": {}}
    made = submission.from_stored(stored, submission.Options())
    assert made["spec"]["workflowTemplateRef"] == {"name": "ci", "clusterScope": True}


def test_a_workflow_of_a_cron_workflow_copies_its_spec() -> None:
    stored = {
        "kind": "CronWorkflow",
        "metadata": {"name": "nightly"},
        "spec": {"schedule": "0 0 * * *", "workflowSpec": {"entrypoint": "main"}},
    }
    made = submission.from_stored(stored, submission.Options(name="tonight"))
    assert made["spec"] == {"entrypoint": "main"}
    assert made["metadata"]["name"] == "tonight"
    assert made["metadata"]["labels"] == {"workflows.argoproj.io/cron-workflow": "nightly"}
