"""What must hold at every moment, and at the end, whatever the weather.

At most one run of a pod's process for each name; final phases stay; a flow that succeeded has
only fulfilled children and the outputs it declares; nothing runs for a finished workflow; the
status rebuilt from itself is the same; and the end is the one that the core reaches alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crds import paging
from engine.core import facts, project, rebuild
from engine.core.decisions import StartLeaf
from engine.core.facts import LeafChanged, LeafOutputs
from engine.core.phases import Phase
from kube import resources
from kube.cluster import Object
from kube.resources import Resource
from tests.engine.core.playing import World
from tests.simulation import workload
from tests.simulation.api import FakeApi
from tests.simulation.kubelet import SimulatedKubelet

FINAL = frozenset({"Succeeded", "Failed", "Error", "Skipped", "Omitted"})


class Broken(AssertionError):
    """An invariant does not hold; the text says which and where."""


class Watchdog:
    """Looks at every write of a workflow's status."""

    def __init__(self, api: FakeApi) -> None:
        self.broken: list[str] = []
        self._api = api
        self._rows: dict[str, dict[str, Object]] = {}
        api.observers.append(self._observe)

    def _observe(self, resource: Resource, before: Object | None, after: Object | None) -> None:
        if resource is not resources.WORKFLOWS or before is None or after is None:
            return
        name = after["metadata"]["name"]
        was, now = _phase(before), _phase(after)
        if was in FINAL and now != was:
            self.broken.append(f"{name}: the workflow went from {was} to {now or 'nothing'}")
        rows, fresh = self._rows.get(name, {}), rows_of(self._api, after)
        self._rows[name] = fresh
        for node_id, row in rows.items():
            later = (fresh.get(node_id) or {}).get("phase")
            if row.get("phase") in FINAL and later != row["phase"]:
                text = f"{name}: node {row['name']} went from {row['phase']} to {later}"
                self.broken.append(text)


def at_the_end(
    api: FakeApi, kubelet: SimulatedKubelet, submitted: list[Object], seed: int
) -> list[str]:
    """Everything that does not hold once all is quiet."""
    broken = [f"pod {name} ran {n} times" for name, n in kubelet.runs.items() if n > 1]
    broken += [f"{name} ran while another held its mutex" for name in kubelet.intruders]
    for manifest in submitted:
        name = manifest["metadata"]["name"]
        final = api.get(resources.WORKFLOWS, "ns", name)
        if _phase(final) not in FINAL:
            broken.append(f"{name}: not finished: {final.get('status', {}).get('phase')}")
            continue
        rows = rows_of(api, final)
        broken += _children(name, rows)
        broken += _leftovers(api, final)
        broken += _replay(name, {**final, "status": {**final["status"], "nodes": rows}})
        broken += _expected(manifest, rows, final, seed)
    return broken


def rows_of(api: FakeApi, workflow: Object) -> dict[str, Object]:
    """The node table, wherever it is stored."""

    def find(name: str) -> Object | None:
        return api.objects.get(("configmaps", "ns", name))

    return paging.table(workflow, find)


def _children(name: str, rows: Mapping[str, Object]) -> list[str]:
    broken = []
    for row in rows.values():
        if row["phase"] not in FINAL:
            broken.append(f"{name}: {row['name']} is {row['phase']} in a finished workflow")
        if not rows.keys() >= set(row.get("children") or ()):
            broken.append(f"{name}: {row['name']} has a child without a row")
        if (row["phase"], row["type"], row.get("templateName")) == ("Succeeded", "Pod", "o"):
            parameters = (row.get("outputs") or {}).get("parameters") or ()
            if not any(p.get("value") == "v" for p in parameters):
                broken.append(f"{name}: {row['name']} succeeded without its outputs")
    return broken


def _leftovers(api: FakeApi, final: Object) -> list[str]:
    uid, name = final["metadata"]["uid"], final["metadata"]["name"]
    broken = []
    strategy = (final["spec"].get("podGC") or {}).get("strategy")
    for (plural, _, pod_name), obj in api.objects.items():
        owners = obj["metadata"].get("ownerReferences") or ()
        if plural != "pods" or not any(o.get("uid") == uid for o in owners):
            continue
        phase = obj["status"]["phase"]
        if phase in ("Pending", "Running"):
            broken.append(f"{name}: pod {pod_name} is still {phase}")
        elif strategy and (strategy != "OnPodSuccess" or phase == "Succeeded"):
            broken.append(f"{name}: pod {pod_name} was not collected ({strategy})")
        elif obj["metadata"]["labels"].get("workflows.argoproj.io/completed") != "true":
            broken.append(f"{name}: pod {pod_name} is not labelled as completed")
    return broken


def _replay(name: str, final: Object) -> list[str]:
    """The status, rebuilt from the object alone, is what is written."""
    run, _ = rebuild.rebuild(facts.Submitted(final), [], 0.0)
    again = project.status(run).get("nodes") or {}
    if _phases(again) != _phases(final["status"]["nodes"]):
        return [f"{name}: the rebuilt status is another one"]
    return []


def _expected(manifest: Object, rows: Mapping[str, Object], final: Object, seed: int) -> list[str]:
    run = World(_alone(manifest), lambda leaf: _answer(leaf, seed)).play()
    name = manifest["metadata"]["name"]
    if run.phase != _phase(final):
        return [f"{name}: ended {_phase(final)}, alone it ends {run.phase}"]
    alone = _phases(project.status(run)["nodes"])
    here = _phases(rows)
    if alone != here:
        differ = {k: (alone.get(k), here.get(k)) for k in alone.keys() | here.keys()
                  if alone.get(k) != here.get(k)}  # fmt: skip
        return [f"{name}: nodes differ from what the core does alone: {differ}"]
    return []


def _alone(manifest: Object) -> Object:
    """Without locks, which need others to mean anything."""
    templates = [
        {k: v for k, v in t.items() if k != "synchronization"}
        for t in manifest["spec"]["templates"]
    ]
    meta = {**manifest["metadata"], "uid": "u", "creationTimestamp": "2026-01-01T00:00:00Z"}
    return {"metadata": meta, "spec": {**manifest["spec"], "templates": templates}}


def _answer(leaf: StartLeaf, seed: int) -> LeafChanged:
    if workload.fails(leaf.node_id, seed):
        message = "main: Error (exit code 1)"
        outputs = LeafOutputs(exit_code="1")
        return LeafChanged(leaf.node_id, Phase.FAILED, message, outputs)
    given = LeafOutputs(exit_code="0", parameters=dict.fromkeys(leaf.capture.parameters, "v"))
    return LeafChanged(leaf.node_id, Phase.SUCCEEDED, outputs=given)


def _phases(rows: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    return {r["name"]: (r["phase"], r.get("message") or "") for r in rows.values()}


def _phase(workflow: Object) -> str:
    return str((workflow.get("status") or {}).get("phase") or "")
