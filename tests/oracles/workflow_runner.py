"""Runs recorded workflow cases through the pure core, in virtual time.

    python -m tests.oracles.workflow_runner CASE.yaml...

prints, for each case in order, one line of JSON of the shape of the case's `expected`; everything
else goes to standard error. The pods of a case are answered as its rules say, on a clock that
only moves from event to event; the locks are those of the engine's runtime, the memo cache and
the API server's defaults are small stand-ins below.
"""

from __future__ import annotations

import heapq
import json
import re
import sys
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml as yaml_files

from crds import retrying
from crds.operations import OperationError
from engine.core import project
from engine.core.advance import advance
from engine.core.decisions import (
    AcquireLocks,
    CreateVolumes,
    Decision,
    ReadMemo,
    ReleaseLocks,
    SaveMemo,
    SetTimer,
    StartLeaf,
    StopLeaf,
)
from engine.core.facts import (
    Config,
    Fact,
    ImageDefaults,
    LeafChanged,
    LeafRefused,
    Library,
    MemoFound,
    NodeSet,
    Resumed,
    ShutdownRequested,
    Submitted,
    Suspended,
    TimerFired,
    VolumesCreated,
)
from engine.core.phases import NodeType, Phase, Shutdown
from engine.core.rebuild import rebuild
from engine.core.run import Run
from engine.runtime.locks import LimitUnknown, LockTable
from lang import selector, yaml
from lang.errors import LangError
from tests.oracles import workflow_pods, workflow_shapes

Json = dict[str, Any]
PATIENCE = 5.0 * 365 * 86400
REPOSITORY = {
    "s3": {
        "bucket": "artifacts",
        "endpoint": "s3.example",
        "keyFormat": "runs/{{workflow.name}}/{{pod.name}}",
        "accessKeySecret": {"name": "s3", "key": "a"},
        "secretKeySecret": {"name": "s3", "key": "s"},
    }
}
START = 1_772_000_000.0
STARTING = 0.05
"""Seconds from a pod's creation to its running."""
ORDINARY = 0.05
"""Seconds a pod runs that no rule mentions."""
SHELL = ImageDefaults(cmd=("sh",))
IMAGES = {"alpine": SHELL, "busybox": SHELL, "python": ImageDefaults(cmd=("python3",))}


@dataclass
class Case:
    """One case being played."""

    recorded: Json
    now: float = START
    queue: list[tuple[float, int, Any]] = field(default_factory=list)
    order: int = 0
    run: Run = field(default_factory=Run)
    pods: dict[str, workflow_pods.Pod] = field(default_factory=dict)
    shown: dict[str, Json] = field(default_factory=dict)
    used: dict[int, int] = field(default_factory=dict)
    memo: dict[tuple[str, str], tuple[float, Json]] = field(default_factory=dict)
    actions: list[Json] = field(default_factory=list)
    documents: list[Json] = field(default_factory=list)
    timer: int = 0
    most: int = 0
    crash_at: int = 0
    """After that many facts the run is forgotten and rebuilt; 0: never."""
    told: int = 0
    leaf_facts: dict[str, LeafChanged] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.documents = [document.value for document in yaml.load_all(self.recorded["manifests"])]
        self.actions = list(self.recorded.get("actions") or ())
        self.locks = LockTable(self._limit)
        self.namespace = next(
            d["metadata"]["name"] for d in self.documents if d["kind"] == "Workflow"
        )

    # The clock.

    def at(self, moment: float, what: Any) -> None:
        self.order += 1
        heapq.heappush(self.queue, (moment, self.order, what))

    def play(self) -> Json:
        self.submit(self.workflow())
        while self.queue and self.queue[0][0] < START + PATIENCE:
            moment, order, what = heapq.heappop(self.queue)
            self.now = max(self.now, moment)
            if isinstance(what, TimerFired):
                if order == self.timer:
                    self.tell(what)
            else:
                what()
        return self.expected()

    def workflow(self) -> Json:
        found = next(d for d in self.documents if d["kind"] == "Workflow")
        metadata = {
            **found["metadata"],
            "namespace": self.namespace,
            "uid": "00000000-0000-0000-0000-000000000000",
            "creationTimestamp": "2026-02-25T06:13:20Z",
        }
        return {**found, "metadata": metadata}

    def submit(self, workflow: Json) -> None:
        self.run = Run()
        self.object = workflow
        self.leaf_facts = {}
        self.tell(self.submitted(workflow))

    def submitted(self, workflow: Json) -> Submitted:
        library = Library(
            self._by_name("WorkflowTemplate"),
            self._by_name("ClusterWorkflowTemplate"),
            self._by_name("ConfigMap"),
        )
        config = Config(artifact_repository=REPOSITORY, images=IMAGES)
        return Submitted(workflow, library, config)

    def _by_name(self, kind: str) -> dict[str, Json]:
        return {d["metadata"]["name"]: d for d in self.documents if d["kind"] == kind}

    def tell(self, fact: Fact) -> None:
        if isinstance(fact, LeafChanged):
            self.leaf_facts[fact.node_id] = fact
        for decision in advance(self.run, fact, self.now):
            self.carry(decision)
        self.told += 1
        if self.told == self.crash_at:
            self.crash()
        self.watch()

    def crash(self) -> None:
        """Forget the run; what is left is the object with its status, pods and locks."""
        spec = dict(self.object["spec"])
        if self.run.shutdown is not Shutdown.NONE:
            spec["shutdown"] = self.run.shutdown.value
        spec["suspend"] = self.run.suspended
        metadata = {**self.object["metadata"], "labels": dict(self.run.labels)}
        workflow = {"metadata": metadata, "spec": spec, "status": project.status(self.run)}
        known = list(self.leaf_facts.values())
        self.run, decisions = rebuild(self.submitted(workflow), known, self.now)
        for decision in decisions:
            self.carry(decision)

    # Decisions.

    def carry(self, decision: Decision) -> None:
        match decision:
            case StartLeaf():
                self.start(decision)
            case StopLeaf():
                pod = self.pods.get(decision.pod_name)
                if pod is not None:
                    pod.over = True
            case SetTimer(moment=moment):
                self.at(moment, TimerFired())
                self.timer = self.order
            case AcquireLocks():
                _complete(self.locks.acquire(decision, self.later))
            case ReleaseLocks(holder=holder):
                _complete(self.locks.release(holder))
            case ReadMemo():
                self.read_memo(decision)
            case SaveMemo():
                entry = {"nodeID": decision.node_id, "outputs": decision.outputs}
                self.memo[decision.cache, decision.key] = (self.now, entry)
            case CreateVolumes(claims=claims, volumes=volumes):
                made = [claim["metadata"]["name"] for claim in claims]
                self.later(VolumesCreated(dict(zip(volumes, made, strict=True))))
            case _:
                pass

    def later(self, fact: Fact) -> None:
        self.at(self.now, lambda: self.tell(fact))

    async def _limit(self, key: str) -> int:
        _, _, name, entry = key.split("/")
        data = self._by_name("ConfigMap").get(name, {}).get("data") or {}
        if int(data.get(entry) or 0) < 1:
            raise LimitUnknown(f"failed to initialize semaphore {key} with limit")
        return int(data[entry])

    def read_memo(self, decision: ReadMemo) -> None:
        saved, entry = self.memo.get((decision.cache, decision.key), (0.0, None))
        if decision.max_age is not None and saved + decision.max_age < self.now:
            entry = None
        self.later(MemoFound(decision.node_id, entry))

    # Pods.

    def start(self, leaf: StartLeaf) -> None:
        if leaf.type is not NodeType.POD:
            raise AssertionError(f"no stand-in for {leaf.type}")
        if leaf.pod_name in self.pods and not self.pods[leaf.pod_name].over:
            return
        problem = workflow_pods.refusal(leaf)
        if problem:
            self.later(LeafRefused(leaf.node_id, problem))
            return
        repository = (self.run.artifact_repository or {}).get("artifactRepository") or {}
        self.shown[leaf.pod_name] = workflow_shapes.shown_pod(leaf, repository)
        pod = workflow_pods.Pod(leaf, self._rule(leaf), self.now)
        self.pods[leaf.pod_name] = pod
        active = [p for p in self.pods.values() if not p.over]
        self.most = max(self.most, len(active))
        if pod.rule.get("stage") == "pending":
            self._keep_pending(pod)
            return
        self.at(self.now + STARTING, lambda: self._running(pod))

    def _rule(self, leaf: StartLeaf) -> Json:
        template = leaf.template.get("name") or ""
        for index, rule in enumerate(self.recorded.get("pods") or ()):
            if "node" in rule and not re.search(rule["node"], leaf.node_name):
                continue
            if "template" in rule and rule["template"] != template:
                continue
            if "times" in rule and self.used.get(index, 0) >= rule["times"]:
                continue
            self.used[index] = self.used.get(index, 0) + 1
            return dict(rule)
        return {}

    def _keep_pending(self, pod: workflow_pods.Pod) -> None:
        waiting = {
            "reason": pod.rule.get("reason") or "",
            "message": pod.rule.get("message") or "",
        }
        if waiting["reason"]:
            status = {
                "phase": "Pending",
                "containerStatuses": [workflow_pods.container_status("main", waiting=waiting)],
            }
            self.at(self.now + STARTING, lambda: self._report(pod, status))
        deadline = workflow_pods.deadline(pod.leaf)
        if deadline is not None:
            self.at(self.now + deadline, lambda: self._end(pod, workflow_pods.deadline_status()))

    def _running(self, pod: workflow_pods.Pod) -> None:
        if pod.over:
            return
        names = workflow_pods.mains(pod.leaf)
        states = [workflow_pods.container_status(name, running=True) for name in names]
        init = pod.rule.get("init")
        if init is None:
            self._report(pod, {"phase": "Running", "containerStatuses": states})
        seconds = float(pod.rule.get("seconds", ORDINARY))
        deadline = workflow_pods.deadline(pod.leaf)
        if deadline is not None and deadline < seconds:
            self.at(self.now + deadline, lambda: self._end(pod, workflow_pods.deadline_status()))
            return
        if pod.rule.get("stage") == "vanish":
            self.at(self.now + seconds, lambda: self._vanish(pod))
            return
        self.at(self.now + seconds, lambda: self._end(pod, workflow_pods.final_status(pod)))

    def _report(self, pod: workflow_pods.Pod, status: Json) -> None:
        if not pod.over:
            self.tell(workflow_pods.changed(pod, status))

    def _end(self, pod: workflow_pods.Pod, status: Json) -> None:
        if not pod.over:
            pod.over = True
            self.tell(workflow_pods.changed(pod, status))

    def _vanish(self, pod: workflow_pods.Pod) -> None:
        if not pod.over:
            pod.over = True
            self.tell(LeafChanged(pod.leaf.node_id, Phase.ERROR, "pod deleted"))

    # Actions.

    def watch(self) -> None:
        """Do what people did, when it is time."""
        if not self.actions or not self._reached(self.actions[0]["after"]):
            return
        action = self.actions.pop(0)
        words = [w.replace("$name", self.namespace) for w in action["do"]]
        self.at(self.now + float(action.get("wait", 0)), lambda: self._act(words))

    def _reached(self, after: Json) -> bool:
        if after.get("done"):
            return self.run.finished
        if "workflow" in after:
            return bool(self.run.phase == after["workflow"])
        return any(
            re.search(after["node"], node.name) and node.phase == after["phase"]
            for node in self.run.nodes.values()
        )

    def _act(self, words: list[str]) -> None:
        verb, options = words[0], _options(words[1:])
        match verb:
            case "stop" if "--node-field-selector" in options:
                ids = self._selected(options["--node-field-selector"])
                self.tell(NodeSet(ids, Phase.FAILED, options.get("--message", "")))
            case "stop":
                self.tell(ShutdownRequested(Shutdown.STOP))
            case "terminate":
                self.tell(ShutdownRequested(Shutdown.TERMINATE))
            case "suspend":
                self.tell(Suspended())
            case "resume":
                chosen = options.get("--node-field-selector")
                self.tell(Resumed(None if chosen is None else self._selected(chosen)))
            case "node":
                self._set(options)
            case "retry":
                self._retry(options)
            case _:
                raise AssertionError(f"no stand-in for argo {verb}")
        self.watch()

    def _set(self, options: dict[str, str]) -> None:
        ids = self._selected(options["--node-field-selector"])
        phase = options.get("--phase")
        name, _, value = options.get("--output-parameter", "").partition("=")
        supplied = {name: value} if name else {}
        message = options.get("--message", "")
        self.tell(NodeSet(ids, Phase(phase) if phase else None, message, supplied))

    def _selected(self, text: str) -> tuple[str, ...]:
        wanted = selector.parse(text)
        return tuple(
            node.id
            for node in self.run.nodes.values()
            if wanted.matches({"displayName": node.display_name, "name": node.name})
        )

    def _retry(self, options: dict[str, str]) -> None:
        workflow = {**self.object, "status": project.status(self.run)}
        workflow["metadata"] = {**self.object["metadata"], "labels": dict(self.run.labels)}
        parameters = [options["-p"]] if "-p" in options else []
        try:
            chosen = retrying.RetryOptions(
                "--restart-successful" in options,
                options.get("--node-field-selector", ""),
                parameters,
            )
            again = retrying.retry(workflow, self.now, chosen)
        except OperationError as error:
            print(error, file=sys.stderr)
            return
        self.submit(again.workflow)

    # The answer.

    def expected(self) -> Json:
        status = project.status(self.run)
        nodes = status.get("nodes") or {}
        names = {node_id: row["name"] for node_id, row in nodes.items()}
        found: Json = {
            "workflow": self._workflow(status),
            "nodes": {row["name"]: workflow_shapes.node_of(row, names) for row in nodes.values()},
        }
        found["pods"] = self.shown
        if "maxConcurrentPods" in self.recorded["expected"]:
            found["maxConcurrentPods"] = self.most
        return found

    def _workflow(self, status: Json) -> Json:
        conditions = sorted(f"{c['type']}={c['status']}" for c in status.get("conditions") or ())
        found: Json = {
            "phase": status["phase"],
            "progress": status["progress"],
            "conditions": conditions,
            "labels": dict(sorted(self.run.labels.items())),
        }
        if status.get("message"):
            found["message"] = status["message"]
        if status.get("outputs"):
            found["outputs"] = workflow_shapes.values_of(status["outputs"].get("parameters"))
        return found


def _complete(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never really waits."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("it waited")


def _options(words: list[str]) -> dict[str, str]:
    flags = {"--restart-successful"}
    found: dict[str, str] = {}
    index = 0
    while index < len(words):
        word = words[index]
        if word in flags:
            found[word] = ""
        elif word.startswith("-"):
            index += 1
            found[word] = words[index]
        index += 1
    return found


def play(path: str | Path, crash_at: int = 0) -> Json:
    """What comes of the case in the file."""
    recorded = yaml_files.safe_load(Path(path).read_text(encoding="utf-8"))
    return Case(recorded, crash_at=crash_at).play()


def main(paths: list[str]) -> None:
    for path in paths:
        try:
            found = play(path)
        except (LangError, AssertionError, KeyError) as error:
            print(f"{path}: {error!r}", file=sys.stderr)
            found = {"problem": repr(error)}
        print(json.dumps(found, sort_keys=True, ensure_ascii=False))


if __name__ == "__main__":
    main(sys.argv[1:])
