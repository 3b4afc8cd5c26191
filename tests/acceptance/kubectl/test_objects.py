"""apply, get, create, patch, edit, replace, label, annotate, delete, wait, explain…"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from tests.acceptance.kubectl.conftest import Kubectl
from tests.acceptance.kubectl.manifests import config_map, pod


def test_apply_creates_changes_and_prunes_fields(kubectl: Kubectl) -> None:
    assert "created" in kubectl("apply", "-f", "-", stdin=config_map("a", {"x": "1", "y": "2"})).out
    assert (
        "unchanged" in kubectl("apply", "-f", "-", stdin=config_map("a", {"x": "1", "y": "2"})).out
    )
    assert "configured" in kubectl("apply", "-f", "-", stdin=config_map("a", {"x": "3"})).out
    assert kubectl("get", "cm", "a", "-o", "json").json["data"] == {"x": "3"}


def test_apply_on_the_server_merges_and_tells_of_conflicts(kubectl: Kubectl) -> None:
    first = config_map("a", {"x": "1"})
    kubectl("apply", "--server-side", "--field-manager=one", "-f", "-", stdin=first)
    second = config_map("a", {"y": "2"})
    kubectl("apply", "--server-side", "--field-manager=two", "-f", "-", stdin=second)
    assert kubectl("get", "cm", "a", "-o", "json").json["data"] == {"x": "1", "y": "2"}
    third = config_map("a", {"x": "9"})
    conflict = kubectl.fails(
        "apply", "--server-side", "--field-manager=two", "-f", "-", stdin=third
    )
    assert 'conflict with "one": .data.x' in conflict.err
    kubectl(
        *("apply", "--server-side", "--force-conflicts", "--field-manager=two", "-f", "-"),
        stdin=third,
    )
    assert kubectl("get", "cm", "a", "-o", "json").json["data"] == {"x": "9"}


def test_get_prints_in_every_form(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=[config_map("a", tier="web"), config_map("b", tier="db")])
    table = kubectl("get", "cm").lines
    assert table[0].split() == ["NAME", "DATA", "AGE"]
    assert [line.split()[0] for line in table[1:]] == ["a", "b"]
    assert kubectl("get", "cm", "-o", "name").lines == ["configmap/a", "configmap/b"]
    assert kubectl("get", "cm", "-l", "tier=web", "-o", "name").lines == ["configmap/a"]
    assert kubectl("get", "cm", "-l", "tier notin (web)", "-o", "name").lines == ["configmap/b"]
    assert kubectl("get", "cm", "-o", "jsonpath={.items[*].metadata.name}").out == "a b"
    assert kubectl("get", "cm", "--field-selector", "metadata.name=b", "-o", "name").lines == [
        "configmap/b"
    ]
    assert "kind: ConfigMap" in kubectl("get", "cm", "a", "-o", "yaml").out
    assert kubectl("get", "cm", "--no-headers", "--show-labels").lines[0].endswith("tier=web")
    assert "configmap/a" in kubectl("get", "cm", "-A", "-o", "name").out
    custom = kubectl("get", "cm", "-o", "custom-columns=N:.metadata.name,V:.data.k")
    assert custom.lines[1].split() == ["a", "v"]
    missing = kubectl.fails("get", "cm", "nope")
    assert 'configmaps "nope" not found' in missing.err


def test_pods_have_their_own_columns(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=pod("p", "sleep 60"))
    kubectl("wait", "--for=condition=Ready", "pod/p", "--timeout=15s")
    assert kubectl("get", "pod").lines[0].split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    wide = kubectl("get", "pod", "-o", "wide").lines
    assert {"IP", "NODE"} <= set(wide[0].split())
    assert "127.0.0.1" in wide[1]
    assert kubectl("get", "pod", "--field-selector=status.phase=Running", "-o", "name").lines == [
        "pod/p"
    ]
    kubectl("delete", "pod", "p", "--grace-period=0", "--force")


def test_create_and_generators(kubectl: Kubectl) -> None:
    kubectl("create", "configmap", "c", "--from-literal=a=1")
    kubectl("create", "secret", "generic", "s", "--from-literal=token=xyz")
    kubectl("create", "serviceaccount", "robot")
    kubectl("create", "quota", "q", "--hard=pods=3")
    kubectl("create", "role", "r", "--verb=get", "--resource=pods")
    kubectl("create", "rolebinding", "rb", "--role=r", "--serviceaccount=default:robot")
    kubectl("create", "service", "clusterip", "svc", "--tcp=80:8080")
    assert kubectl("get", "secret", "s", "-o", "jsonpath={.data.token}").out == "eHl6"
    again = kubectl.fails("create", "configmap", "c", "--from-literal=a=1")
    assert 'configmaps "c" already exists' in again.err
    dry = kubectl(
        "create", "configmap", "d", "--from-literal=a=1", "--dry-run=server", "-o", "json"
    )
    assert dry.json["metadata"]["uid"]
    kubectl.fails("get", "cm", "d")


def test_patches_of_three_kinds(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=config_map("a", {"x": "1"}))
    kubectl("patch", "cm", "a", "--type=merge", "-p", '{"data":{"y":"2"}}')
    kubectl("patch", "cm", "a", "--type=json", "-p", '[{"op":"remove","path":"/data/x"}]')
    assert kubectl("get", "cm", "a", "-o", "json").json["data"] == {"y": "2"}
    kubectl("apply", "-f", "-", stdin=pod("p", "true", nodeSelector={"never": "there"}))
    change = {"spec": {"containers": [{"name": "main", "image": "busybox"}]}}
    kubectl("patch", "pod", "p", "--type=strategic", "-p", json.dumps(change))
    found = kubectl("get", "pod", "p", "-o", "json").json["spec"]["containers"][0]
    assert found["image"] == "busybox"
    assert found["command"][0] == "sh"
    refused = kubectl.fails(
        "patch", "cm", "a", "--type=json", "-p", '[{"op":"test","path":"/data/y","value":"9"}]'
    )
    assert "the server rejected our request" in refused.err or "invalid" in refused.err.lower()


def test_edit_label_annotate_replace(kubectl: Kubectl, tmp_path: Path) -> None:
    kubectl("apply", "-f", "-", stdin=config_map("a", {"x": "1"}))
    editor = tmp_path / "editor"
    editor.write_text(
        f"#!{sys.executable}\nimport sys\np = sys.argv[1]\n"
        "t = open(p).read().replace('x: \"1\"', 'x: \"edited\"')\nopen(p, 'w').write(t)\n"
    )
    editor.chmod(0o700)
    assert "edited" in kubectl("edit", "cm", "a", KUBE_EDITOR=str(editor)).out
    assert kubectl("get", "cm", "a", "-o", "jsonpath={.data.x}").out == "edited"
    kubectl("label", "cm", "a", "team=blue")
    assert "not labeled" in kubectl("label", "cm", "a", "team=blue").out
    kubectl.fails("label", "cm", "a", "team=red")
    kubectl("label", "cm", "a", "team=red", "--overwrite")
    kubectl("label", "cm", "a", "team-")
    kubectl("annotate", "cm", "a", "note=hello there")
    found = kubectl("get", "cm", "a", "-o", "json").json
    assert "labels" not in found["metadata"]
    assert found["metadata"]["annotations"]["note"] == "hello there"
    kubectl("replace", "-f", "-", stdin=config_map("a", {"z": "26"}))
    assert kubectl("get", "cm", "a", "-o", "json").json["data"] == {"z": "26"}
    stale = found | {"data": {"old": "1"}}
    conflict = kubectl.fails("replace", "-f", "-", stdin=stale)
    assert "the object has been modified" in conflict.err


def test_describe_explain_resources_and_rights(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=config_map("a", {"x": "1"}))
    assert "Name:         a" in kubectl("describe", "cm", "a").out
    assert "FIELD: containers" in kubectl("explain", "pod.spec.containers").out
    assert (
        "A Workflow" in kubectl("explain", "workflow").out
        or "KIND:       Workflow" in kubectl("explain", "workflow").out
    )
    names = {line.split()[0] for line in kubectl("api-resources", "--no-headers").lines}
    assert names >= {
        *("namespaces", "pods", "configmaps", "secrets", "serviceaccounts", "services", "events"),
        *("leases", "persistentvolumeclaims", "resourcequotas", "limitranges", "priorityclasses"),
        *("poddisruptionbudgets", "roles", "rolebindings", "clusterroles", "clusterrolebindings"),
        *("customresourcedefinitions", "workflows", "sensors", "eventsources", "eventbus"),
    }
    assert kubectl("auth", "can-i", "create", "pods").out.strip() == "yes"
    assert "yes" in kubectl("auth", "can-i", "*", "*").out


def test_unknown_fields_warn_or_fail(kubectl: Kubectl) -> None:
    odd = config_map("a") | {"nonsense": 1}
    warned = kubectl("apply", "--validate=warn", "-f", "-", stdin=odd)
    assert 'unknown field "nonsense"' in warned.err
    refused = kubectl.fails("apply", "--validate=strict", "-f", "-", stdin=odd)
    assert 'unknown field "nonsense"' in refused.err


def test_watching_sees_every_change(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=config_map("a"))
    process = kubectl.popen("get", "cm", "-w", "-o", "name", "--output-watch-events=false")
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "configmap/a\n"
        kubectl("apply", "-f", "-", stdin=config_map("b"))
        assert process.stdout.readline() == "configmap/b\n"
        kubectl("delete", "cm", "b")
        assert process.stdout.readline() == "configmap/b\n"
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def test_waiting(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=pod("p", "sleep 0.3"))
    kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/p", "--timeout=15s")
    kubectl("delete", "pod", "p", "--wait=false")
    kubectl("wait", "--for=delete", "pod/p", "--timeout=15s")
    late = kubectl.fails("wait", "--for=condition=Ready", "pod/nope", "--timeout=1s")
    assert "not found" in late.err


def owned(name: str, owner: dict[str, str], *, block: bool = False) -> dict[str, object]:
    reference = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "name": owner["name"],
        "uid": owner["uid"],
        "blockOwnerDeletion": block,
    }
    found = config_map(name)
    found["metadata"]["ownerReferences"] = [reference]
    return found


@pytest.mark.parametrize("how", ["background", "foreground", "orphan"])
def test_deleting_an_owner(kubectl: Kubectl, how: str) -> None:
    kubectl("create", "configmap", "owner")
    owner = kubectl("get", "cm", "owner", "-o", "json").json["metadata"]
    kubectl("apply", "-f", "-", stdin=owned("child", owner, block=True))
    kubectl("delete", "cm", "owner", f"--cascade={how}")
    if how == "orphan":
        child = kubectl("get", "cm", "child", "-o", "json").json
        assert "ownerReferences" not in child["metadata"]
    else:
        kubectl("wait", "--for=delete", "cm/child", "--timeout=10s")


def test_finalizers_hold_an_object(kubectl: Kubectl) -> None:
    held = config_map("a")
    held["metadata"]["finalizers"] = ["example.com/hold"]
    kubectl("apply", "-f", "-", stdin=held)
    kubectl("delete", "cm", "a", "--wait=false")
    assert kubectl("get", "cm", "a", "-o", "json").json["metadata"]["deletionTimestamp"]
    kubectl("patch", "cm", "a", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    kubectl("wait", "--for=delete", "cm/a", "--timeout=10s")


def test_deleting_by_label_and_all(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=[config_map(n, tier="web") for n in "abc"])
    kubectl("apply", "-f", "-", stdin=config_map("d"))
    kubectl("delete", "cm", "-l", "tier=web")
    assert kubectl("get", "cm", "-o", "name").lines == ["configmap/d"]
    kubectl("delete", "cm", "--all")
    assert "No resources found" in kubectl("get", "cm").err
    assert "ignored" not in kubectl("delete", "cm", "d", "--ignore-not-found").err


def test_a_namespace_goes_with_what_is_in_it(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", stdin=config_map("a"))
    kubectl("delete", "namespace", kubectl.namespace, "--timeout=20s")
    refused = kubectl.fails("create", "configmap", "b")
    assert "not found" in refused.err
