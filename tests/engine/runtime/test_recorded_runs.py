"""A sample of the recorded runs, through the whole engine: API server, watches, pods, status.

The pods end as the rules of each case say, at once. All cases run at the same time on one
cluster, each in a namespace of its own.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any

import yaml as yaml_files

from crds import hydration
from kube import resources
from kube.cluster import Object
from kube.errors import Invalid
from lang import yaml
from tests.engine.rig import ENDED, Rig, phase_of
from tests.engine.scripted import Ending
from tests.oracles import workflow_compare, workflow_shapes
from tests.oracles.test_workflow_cases import HANGS, LITERAL, ONLY, SHORT_TIMEOUT

RULES = {"node", "template", "times", "exit", "message", "stdout", "parameters", "seconds"}
"""What a pod of this kubelet can do; `seconds` are not waited for."""
NOT_HERE = re.compile(
    r"artifacts|backoff|timeout|activeDeadlineSeconds|pendingTimeout|suspend|daemon|podGC"
    r"|ClusterWorkflowTemplate|imagePullPolicy: Never|containerSet|creationTimestamp|uid"
)
"""Needs a store, a clock, a person, or more of a kubelet."""
OTHERS = {*HANGS, *LITERAL, *SHORT_TIMEOUT, *ONLY, "no-command", "semaphore-missing"}
"""Cases that come out otherwise on purpose; the runtime says more of a missing semaphore."""
KINDS = {
    "Workflow": resources.WORKFLOWS,
    "WorkflowTemplate": resources.WORKFLOW_TEMPLATES,
    "ConfigMap": resources.CONFIGMAPS,
}
EVERY = 3
"""One case of so many: enough to meet every kind, few enough to take seconds."""
PATIENCE = 60.0
LEAST = 60

Case = dict[str, Any]


def sample() -> dict[str, Case]:
    found = {}
    for path in sorted(workflow_compare.CASES.glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        if path.stem in OTHERS or NOT_HERE.search(text):
            continue
        case: Case = yaml_files.load(text, yaml_files.CSafeLoader)
        if case.get("actions") or any(set(rule) - RULES for rule in case.get("pods") or ()):
            continue
        found[path.stem] = case
    return {name: found[name] for name in list(found)[::EVERY]}


class Scripts:
    """What each pod of each case does. Rules with `times` are used up in order of creation."""

    def __init__(self, cases: dict[str, Case]) -> None:
        self._cases = cases
        self._used: dict[tuple[str, int], int] = {}

    def __call__(self, pod: Object) -> Ending:
        meta = pod["metadata"]
        rule = self._rule(meta["namespace"], meta["annotations"])
        code = int(rule.get("exit") or 0)
        plan = json.loads(meta["annotations"].get("headrace.dev/capture") or "{}")
        given = {k: str(v) for k, v in (rule.get("parameters") or {}).items()}
        if code == 0:
            for parameter in plan.get("parameters") or ():
                given.setdefault(parameter["name"], f"out-{parameter['name']}")
        outputs: dict[str, Any] = {"parameters": given} if given else {}
        if plan.get("stdout") and "stdout" in rule:
            outputs["result"] = str(rule["stdout"])
        return Ending(code, str(rule.get("message") or ""), outputs)

    def _rule(self, name: str, annotations: dict[str, str]) -> dict[str, Any]:
        node = annotations["workflows.argoproj.io/node-name"]
        expected = self._cases[name]["expected"]["nodes"].get(node) or {}
        for index, rule in enumerate(self._cases[name].get("pods") or ()):
            used = self._used.get((name, index), 0)
            if "node" in rule and not re.search(rule["node"], node):
                continue
            if "template" in rule and rule["template"] != expected.get("templateName"):
                continue
            if "times" in rule and used >= rule["times"]:
                continue
            self._used[name, index] = used + 1
            return dict(rule)
        return {}


async def start(rig: Rig, cases: dict[str, Case]) -> set[str]:
    """Create everything; the names of the cases that the API server's schema takes."""
    taken = set(cases)
    for name, case in cases.items():
        await rig.cluster.create(resources.NAMESPACES, None, {"metadata": {"name": name}})
        for document in yaml.load_all(case["manifests"]):
            resource = KINDS[document.value["kind"]]
            try:
                await rig.cluster.create(resource, name, document.value)
            except Invalid:
                taken.discard(name)
    return taken


async def all_ended(rig: Rig, names: set[str]) -> dict[str, Object]:
    found: dict[str, Object] = {}

    def take(item: Object) -> None:
        name = item["metadata"]["name"]
        if name in names and phase_of(item) in ENDED:
            found[name] = hydration.hydrated(item)

    listed = await rig.cluster.list(resources.WORKFLOWS, None)
    for item in listed.items:
        take(item)
    watch = rig.cluster.watch(resources.WORKFLOWS, None, resource_version=listed.resource_version)
    async for event in watch:
        take(event.object)
        if len(found) == len(names):
            break
    return found


def differences(workflow: Object, case: Case) -> list[str]:
    status = workflow["status"]
    nodes = status.get("nodes") or {}
    names = {node_id: row["name"] for node_id, row in nodes.items()}
    found = {row["name"]: workflow_shapes.node_of(row, names) for row in nodes.values()}
    lines = workflow_compare.differences(found, case["expected"]["nodes"])
    for field in ("phase", "message", "progress"):
        wanted = case["expected"]["workflow"].get(field)
        if status.get(field) != wanted:
            lines.append(f"{field}: {status.get(field)!r}, wanted {wanted!r}")
    return lines


async def test_recorded_runs_come_out_on_a_cluster_as_recorded(rig: Rig) -> None:
    cases = sample()
    await rig.up(Scripts(cases))
    async with asyncio.timeout(PATIENCE):
        taken = await start(rig, cases)
        ended = await all_ended(rig, taken)
    assert len(taken) > LEAST
    wrong = {name: differences(ended[name], cases[name]) for name in sorted(taken)}
    wrong = {name: lines for name, lines in wrong.items() if lines}
    assert not wrong, json.dumps(wrong, indent=1)
