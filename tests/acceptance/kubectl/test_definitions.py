"""The definitions through kubectl: applying them, and every limit and rule they have.

That every key of the limits' tables has a case is tested too. Bounds of Kubernetes' own types are
not in these tables.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from crds.generate import limits
from tests.acceptance.kubectl import limit_cases, required_cases
from tests.acceptance.kubectl.conftest import Done, Kubectl
from tests.acceptance.kubectl.limit_cases import CASES, Case
from tests.acceptance.local_cluster import ROOT, LocalCluster

MANIFESTS = ROOT / "crds" / "manifests"
FULL = ROOT / "crds" / "data" / "crds.json"
COPY = "kubectl.kubernetes.io/last-applied-configuration"


@pytest.fixture(scope="module")
def shared(running: LocalCluster, kubectl_program: str, home: Path) -> Iterator[Kubectl]:
    """kubectl in a namespace for all cases."""
    name = f"limits-{os.getpid()}"
    tool = Kubectl(kubectl_program, running.folder / "kubeconfig", home, name)
    tool("create", "namespace", name)
    yield tool
    tool("delete", "namespace", name, "--wait=false")


def objects(case: Case, number: int) -> Iterator[dict[str, Any]]:
    for form, spec in (("good", case.good), ("bad", case.bad)):
        yield {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": case.kind,
            "metadata": {"name": f"{form}-{number}"},
            "spec": spec,
        }


@pytest.fixture(scope="module", params=["full", "for kubectl apply"])
def answers(
    request: pytest.FixtureRequest, shared: Kubectl, tmp_path_factory: pytest.TempPathFactory
) -> Done:
    """What one `kubectl apply` of a folder with all objects says, under both forms."""
    if request.param == "full":
        shared("apply", "--server-side", "--force-conflicts", "-f", str(FULL))
    else:
        shared("apply", "-f", str(MANIFESTS))
    return applied(shared, tmp_path_factory.mktemp("limits"), CASES)


def applied(kubectl: Kubectl, folder: Path, cases: list[Case]) -> Done:
    for number, case in enumerate(cases):
        for each in objects(case, number):
            (folder / f"{each['metadata']['name']}.json").write_text(json.dumps(each))
    return kubectl.run("apply", "--server-side", "--validate=false", "-f", str(folder))


def refusal(answers: Done, name: str) -> str:
    """The part of the errors that is about one object."""
    parts = re.split(r'(?m)^(?=The \S+ "|Error from server)', answers.err)
    return "".join(part for part in parts if re.search(rf'[/"]{name}(\.json)?"', part))


@pytest.mark.parametrize(
    ("number", "case"), list(enumerate(CASES)), ids=lambda each: getattr(each, "about", None)
)
def test_a_limit_is_kept_and_broken(answers: Done, number: int, case: Case) -> None:
    check(answers, number, case)


def check(answers: Done, number: int, case: Case) -> None:
    kind = f"{case.kind.lower()}.argoproj.io"
    assert f"{kind}/good-{number} serverside-applied" in answers.out
    assert refusal(answers, f"good-{number}") == ""
    assert f"{kind}/bad-{number} " not in answers.out
    assert case.says in refusal(answers, f"bad-{number}")


@pytest.fixture(scope="module")
def required(shared: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> Done:
    """The same for objects that lack a field, in a namespace of their own."""
    name = f"{shared.namespace}-required"
    shared("create", "namespace", name)
    shared("apply", "-f", str(MANIFESTS))
    tool = replace(shared, namespace=name)
    return applied(tool, tmp_path_factory.mktemp("required"), required_cases.CASES)


@pytest.mark.parametrize(
    ("number", "case"),
    list(enumerate(required_cases.CASES)),
    ids=lambda each: getattr(each, "about", None),
)
def test_a_required_field_is_required(required: Done, number: int, case: Case) -> None:
    check(required, number, case)


def test_every_required_field_has_a_case() -> None:
    known = {each.of for each in required_cases.TYPES} | required_cases.ELSEWHERE
    assert {name for name, needed in limits.REQUIRED.items() if needed} == known


def test_every_limit_has_a_case() -> None:
    for table, cases in (
        (limits.LIMITS, limit_cases.LIMITS),
        (limits.RULES, limit_cases.RULES),
        (limits.INSIDE, limit_cases.INSIDE),
    ):
        assert {case.about for case in cases} == set(table)
    messages = [rule["message"] for rules in limits.RULES.values() for rule in rules]
    said = [case.says for case in limit_cases.RULES]
    assert [each for each in messages if not any(each in text for text in said)] == []


def test_plain_kubectl_apply_takes_the_manifests(shared: Kubectl) -> None:
    shared("apply", "-f", str(MANIFESTS))
    again = shared("apply", "-f", str(MANIFESTS))
    assert len(again.lines) == 11
    assert all(line.endswith(" unchanged") for line in again.lines)
    for path in MANIFESTS.glob("*.yaml"):
        wanted = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
        found = shared("get", "crd", wanted["metadata"]["name"], "-o", "json").json
        annotations = found["metadata"]["annotations"]
        assert sum(len(k) + len(v.encode()) for k, v in annotations.items()) < 262_144
        assert json.loads(annotations[COPY])["spec"] == wanted["spec"]
        established = [c for c in found["status"]["conditions"] if c["type"] == "Established"]
        assert established[0]["status"] == "True"


def test_kubectl_explains_from_the_manifests(shared: Kubectl) -> None:
    shared("apply", "-f", str(MANIFESTS))
    said = shared("explain", "wf.spec.templates.retryStrategy")
    assert "When it is tried again" in said.out
    assert "retryPolicy" in said.out


@pytest.mark.parametrize("name", ["wf", "wftmpl", "cwft", "cwf", "wfeb", "wfts", "wfat", "sn"])
def test_short_names_work(shared: Kubectl, name: str) -> None:
    shared("get", name)


def test_status_is_a_resource_of_its_own_where_it_should_be(shared: Kubectl) -> None:
    sensor = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Sensor",
        "metadata": {"name": "s", "labels": {"ignored": "true"}},
        "spec": {"dependencies": [], "triggers": []},
        "status": {"made": "up"},
    }
    shared("apply", "--validate=false", "-f", "-", stdin=sensor)
    status = shared("get", "sensor", "s", "-o", "json").json.get("status", {})
    assert "made" not in status
    template = {**sensor, "kind": "WorkflowTemplate", "spec": {}}
    shared("apply", "--validate=false", "-f", "-", stdin=template)
    options = ("--type=merge", "-p", '{"metadata":{"labels":{"a":"b"}}}')
    shared("patch", "wftmpl", "s", *options)
    refused = shared.fails("patch", "wftmpl", "s", "--subresource=status", *options)
    assert "NotFound" in refused.err
