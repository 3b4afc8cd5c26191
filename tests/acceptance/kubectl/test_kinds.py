"""Kinds of one's own, headrace's kinds, and each listed kind stored and listed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.acceptance.kubectl.conftest import Kubectl
from tests.acceptance.kubectl.manifests import widgets, workflow


def widget(kubectl: Kubectl, name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": f"{kubectl.namespace}.example.com/v1",
        "kind": "Widget",
        "metadata": {"name": name},
        "spec": spec,
    }


@pytest.fixture
def own(kubectl: Kubectl) -> Kubectl:
    """kubectl where Widgets are known."""
    group = f"{kubectl.namespace}.example.com"
    kubectl("apply", "-f", "-", stdin=widgets(group))
    kubectl("wait", "--for=condition=Established", f"crd/widgets.{group}", "--timeout=10s")
    return kubectl


def test_defaults_pruning_and_columns(own: Kubectl) -> None:
    kind = f"widgets.{own.namespace}.example.com"
    own("apply", "--validate=false", "-f", "-", stdin=widget(own, "a", size=3, junk=1))
    spec = own("get", kind, "a", "-o", "json").json["spec"]
    assert spec == {"size": 3, "limit": 10, "color": "red", "replicas": 1}
    assert own("get", kind).lines[0].split() == ["NAME", "SIZE", "AGE"]
    assert own("get", kind, "-o", "wide").lines[0].split() == ["NAME", "SIZE", "COLOR", "AGE"]
    assert "How large." in own("explain", f"{kind}.spec.size").out


def test_what_the_schema_refuses(own: Kubectl) -> None:
    for spec, message in (
        ({}, "spec.size: Required value"),
        ({"size": 0}, "should be greater than or equal to 1"),
        ({"size": 1, "color": "green"}, 'Unsupported value: "green"'),
        ({"size": 11}, "size must not exceed limit"),
        ({"size": "x"}, "must be of type integer"),
    ):
        refused = own.fails("apply", "--validate=false", "-f", "-", stdin=widget(own, "a", **spec))
        assert message in refused.err


def test_transition_rules_and_subresources(own: Kubectl) -> None:
    kind = f"widgets.{own.namespace}.example.com"
    own("apply", "-f", "-", stdin=widget(own, "a", size=5))
    assert (
        "size must not shrink" in own.fails("apply", "-f", "-", stdin=widget(own, "a", size=4)).err
    )
    own(
        "patch",
        kind,
        "a",
        "--subresource=status",
        "--type=merge",
        "-p",
        '{"status":{"ready":true}}',
    )
    own("patch", kind, "a", "--type=merge", "-p", '{"status":{"ready":false}}')
    found = own("get", kind, "a", "-o", "json").json
    assert found["status"] == {"ready": True}
    assert found["metadata"]["generation"] == 1
    own("scale", kind, "a", "--replicas=4")
    assert own("get", kind, "a", "-o", "jsonpath={.spec.replicas}").out == "4"


def test_a_definition_goes_with_its_objects(own: Kubectl) -> None:
    group = f"{own.namespace}.example.com"
    own("apply", "-f", "-", stdin=widget(own, "a", size=5))
    own("delete", "crd", f"widgets.{group}", "--timeout=20s")
    assert "doesn't have a resource type" in own.fails("get", f"widgets.{group}").err


def test_a_workflow_through_kubectl(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=workflow("w"))
    kubectl("wait", "--for=condition=Completed", "wf/w", "--timeout=20s")
    table = kubectl("get", "wf").lines
    assert table[0].split()[:2] == ["NAME", "STATUS"]
    assert table[1].split()[:2] == ["w", "Succeeded"]
    assert "hello" in kubectl("logs", "w").out
    assert "WorkflowSucceeded" in kubectl("events", "--for", "workflow/w").out
    kubectl("delete", "wf", "w")
    kubectl("wait", "--for=delete", "pod/w", "--timeout=15s")


def test_a_bad_workflow_says_which_field(kubectl: Kubectl) -> None:
    bad = workflow("bad")
    bad["spec"]["entrypoint"] = "nope"
    kubectl("apply", "-f", "-", stdin=[bad, workflow("good")])
    kubectl("wait", "--for=condition=Completed", "wf/good", "--timeout=20s")
    kubectl("wait", "--for=jsonpath={.status.finishedAt}", "wf/bad", "--timeout=20s")
    assert "nope" in kubectl("get", "wf", "bad", "-o", "jsonpath={.status.message}").out


LISTED: dict[str, dict[str, Any]] = {
    "PersistentVolumeClaim": {
        "apiVersion": "v1",
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    },
    "PodDisruptionBudget": {
        "apiVersion": "policy/v1",
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"a": "b"}}},
    },
    "Lease": {"apiVersion": "coordination.k8s.io/v1", "spec": {"holderIdentity": "me"}},
    "Service": {"apiVersion": "v1", "spec": {"ports": [{"port": 80}]}},
    "Secret": {"apiVersion": "v1", "stringData": {"a": "b"}},
    "ServiceAccount": {"apiVersion": "v1"},
    "ResourceQuota": {"apiVersion": "v1", "spec": {"hard": {"pods": "5"}}},
    "LimitRange": {
        "apiVersion": "v1",
        "spec": {"limits": [{"type": "Pod", "max": {"cpu": "2"}}]},
    },
    "Role": {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
    },
    "RoleBinding": {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "r"},
    },
}


@pytest.mark.parametrize("kind", LISTED)
def test_a_listed_kind_is_served(kubectl: Kubectl, kind: str) -> None:
    manifest = {"kind": kind, "metadata": {"name": "x"}, **LISTED[kind]}
    kubectl("apply", "-f", "-", stdin=manifest)
    assert kubectl("get", kind, "x", "-o", "json").json["metadata"]["uid"]
    assert len(kubectl("get", kind).lines) >= 2
    kubectl("describe", kind, "x")
    kubectl("delete", kind, "x")


def test_metrics_of_the_process_and_of_workflows(kubectl: Kubectl) -> None:
    gauge = {"realtime": False, "value": "7"}
    label = {"key": "kind", "value": "test"}
    metric = {"name": "answers", "help": "How many.", "labels": [label], "gauge": gauge}
    body = workflow("measured")
    body["spec"]["metrics"] = {"prometheus": [metric]}
    kubectl("create", "-f", "-", stdin=body)
    done = "--for=jsonpath={.status.phase}=Succeeded"
    kubectl("wait", done, "workflow/measured", "--timeout=30s")
    text = kubectl("get", "--raw", "/metrics").out
    assert 'argo_workflows_answers{kind="test"} 7.0' in text
    assert "headrace_queue_work_seconds_count" in text
