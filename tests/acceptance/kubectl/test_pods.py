"""logs, exec, events, admission: what touches the kubelet."""

from __future__ import annotations

import time

from tests.acceptance.kubectl.conftest import Kubectl
from tests.acceptance.kubectl.manifests import pod


def ended(kubectl: Kubectl, name: str) -> None:
    kubectl(
        "wait",
        "--for=jsonpath={.status.containerStatuses[0].state.terminated}",
        f"pod/{name}",
        "--timeout=15s",
    )


def test_logs(kubectl: Kubectl) -> None:
    script = "for i in 1 2 3; do echo line $i; done; echo oops >&2"
    kubectl("apply", "-f", "-", stdin=pod("p", script))
    ended(kubectl, "p")
    assert kubectl("logs", "p").lines[:3] == ["line 1", "line 2", "line 3"]
    assert "oops" in kubectl("logs", "p").out
    assert len(kubectl("logs", "p", "--tail=1").lines) == 1
    assert kubectl("logs", "p", "-c", "main", "--since=1h").lines[0] == "line 1"
    stamped = kubectl("logs", "p", "--timestamps").lines[0].split(" ", 1)
    assert stamped[0].startswith("20")
    assert stamped[1] == "line 1"
    assert "container nope is not valid" in kubectl.fails("logs", "p", "-c", "nope").err


def test_following_logs_ends_with_the_container(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=pod("p", "echo one; sleep 0.5; echo two"))
    kubectl("wait", "--for=jsonpath={.status.phase}", "pod/p", "--timeout=10s")
    kubectl("wait", "--for=condition=PodScheduled", "pod/p", "--timeout=10s")
    while kubectl.run("logs", "p").code != 0:
        pass
    assert kubectl("logs", "-f", "p").lines == ["one", "two"]


def test_logs_of_the_run_before(kubectl: Kubectl) -> None:
    script = (
        "if [ -e /work/seen ]; then echo second; sleep 60; fi; touch /work/seen; echo first; exit 1"
    )
    manifest = pod("p", script, restartPolicy="OnFailure", volumes=[{"name": "w", "emptyDir": {}}])
    manifest["spec"]["containers"][0]["volumeMounts"] = [{"name": "w", "mountPath": "/work"}]
    kubectl("apply", "-f", "-", stdin=manifest)
    kubectl(
        "wait",
        "--for=jsonpath={.status.containerStatuses[0].restartCount}=1",
        "pod/p",
        "--timeout=20s",
    )
    kubectl("wait", "--for=condition=Ready", "pod/p", "--timeout=20s")
    assert kubectl("logs", "p", "--previous").lines == ["first"]
    kubectl("delete", "pod", "p", "--grace-period=0", "--force")


def test_exec(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=pod("p", "sleep 60"))
    kubectl("wait", "--for=condition=Ready", "pod/p", "--timeout=15s")
    assert kubectl("exec", "p", "--", "echo", "hi there").out == "hi there\n"
    assert (
        kubectl("exec", "-i", "p", "--", "cat", stdin="through\nstdin\n").out == "through\nstdin\n"
    )
    failed = kubectl.fails("exec", "p", "--", "sh", "-c", "echo no >&2; exit 3")
    assert failed.code == 3
    assert "no" in failed.err
    kubectl("delete", "pod", "p", "--grace-period=0", "--force")


def test_grace_and_force(kubectl: Kubectl) -> None:
    polite = "trap 'echo bye; exit 0' TERM; while true; do sleep 0.1; done"
    kubectl("apply", "-f", "-", stdin=pod("p", polite))
    kubectl("wait", "--for=condition=Ready", "pod/p", "--timeout=15s")
    kubectl("delete", "pod", "p", "--grace-period=10", "--timeout=15s")
    kubectl.fails("get", "pod", "p")


def test_events_of_a_pod(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=pod("p", "true"))
    ended(kubectl, "p")
    deadline = time.monotonic() + 10
    while "Started" not in kubectl("events", "--for", "pod/p").out:
        assert time.monotonic() < deadline
    assert "Scheduled" in kubectl("describe", "pod", "p").out
    assert "pod/p" in kubectl("get", "events").out


def test_a_pod_that_does_not_fit_waits(kubectl: Kubectl) -> None:
    manifest = pod("p", "true")
    manifest["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "9999"}}
    kubectl("apply", "-f", "-", stdin=manifest)
    kubectl("wait", "--for=condition=PodScheduled=false", "pod/p", "--timeout=10s")
    assert "Unschedulable" in kubectl("get", "pod", "p", "-o", "json").out


def test_a_quota_counts(kubectl: Kubectl) -> None:
    kubectl("create", "quota", "q", "--hard=configmaps=1")
    kubectl("create", "configmap", "a")
    refused = kubectl.fails("create", "configmap", "b")
    assert "exceeded quota: q" in refused.err
    kubectl("delete", "cm", "a")
    kubectl("create", "configmap", "b")


def test_a_limit_range_gives_defaults(kubectl: Kubectl) -> None:
    limit = {"type": "Container", "default": {"memory": "64Mi"}, "max": {"memory": "128Mi"}}
    kubectl(
        *("apply", "-f", "-"),
        stdin={
            "apiVersion": "v1",
            "kind": "LimitRange",
            "metadata": {"name": "l"},
            "spec": {"limits": [limit]},
        },
    )
    kubectl("apply", "-f", "-", stdin=pod("p", "true"))
    path = "jsonpath={.spec.containers[0].resources.limits.memory}"
    assert kubectl("get", "pod", "p", "-o", path).out == "64Mi"
    large = pod("q", "true")
    large["spec"]["containers"][0]["resources"] = {"limits": {"memory": "1Gi"}}
    assert (
        "maximum memory usage per Container is 128Mi"
        in kubectl.fails("apply", "-f", "-", stdin=large).err
    )


def test_a_priority_class_is_put_into_the_pod(kubectl: Kubectl) -> None:
    name = f"high-{kubectl.namespace}"
    kubectl("create", "priorityclass", name, "--value=1000")
    kubectl("apply", "-f", "-", stdin=pod("p", "true", priorityClassName=name))
    assert kubectl("get", "pod", "p", "-o", "jsonpath={.spec.priority}").out == "1000"
    assert (
        "no PriorityClass with name nope"
        in kubectl.fails("apply", "-f", "-", stdin=pod("q", "true", priorityClassName="nope")).err
    )
