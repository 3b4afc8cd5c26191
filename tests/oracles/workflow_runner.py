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
from engine.core import artifacts, project
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
    LeafOutputs,
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
from engine.executors import podstate
from engine.runtime import podfacts
from engine.runtime.locks import LimitUnknown, LockTable
from lang import selector, yaml
from lang.errors import LangError

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
class Pod:
    """A pod of the run: what was asked for, and how it will end."""

    leaf: StartLeaf
    rule: Json
    started: float
    over: bool = False


@dataclass
class Case:
    """One case being played."""

    recorded: Json
    now: float = START
    queue: list[tuple[float, int, Any]] = field(default_factory=list)
    order: int = 0
    run: Run = field(default_factory=Run)
    pods: dict[str, Pod] = field(default_factory=dict)
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
        problem = _refusal(leaf)
        if problem:
            self.later(LeafRefused(leaf.node_id, problem))
            return
        repository = (self.run.artifact_repository or {}).get("artifactRepository") or {}
        self.shown[leaf.pod_name] = _shown(leaf, repository)
        pod = Pod(leaf, self._rule(leaf), self.now)
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

    def _keep_pending(self, pod: Pod) -> None:
        waiting = {
            "reason": pod.rule.get("reason") or "",
            "message": pod.rule.get("message") or "",
        }
        if waiting["reason"]:
            status = {
                "phase": "Pending",
                "containerStatuses": [_container("main", waiting=waiting)],
            }
            self.at(self.now + STARTING, lambda: self._report(pod, status))
        deadline = _deadline(pod.leaf)
        if deadline is not None:
            self.at(self.now + deadline, lambda: self._end(pod, _deadline_status()))

    def _running(self, pod: Pod) -> None:
        if pod.over:
            return
        names = _mains(pod.leaf)
        states = [_container(name, running=True) for name in names]
        init = pod.rule.get("init")
        if init is None:
            self._report(pod, {"phase": "Running", "containerStatuses": states})
        seconds = float(pod.rule.get("seconds", ORDINARY))
        deadline = _deadline(pod.leaf)
        if deadline is not None and deadline < seconds:
            self.at(self.now + deadline, lambda: self._end(pod, _deadline_status()))
            return
        if pod.rule.get("stage") == "vanish":
            self.at(self.now + seconds, lambda: self._vanish(pod))
            return
        self.at(self.now + seconds, lambda: self._end(pod, _final_status(pod)))

    def _report(self, pod: Pod, status: Json) -> None:
        if not pod.over:
            self.tell(_changed(pod, status))

    def _end(self, pod: Pod, status: Json) -> None:
        if not pod.over:
            pod.over = True
            self.tell(_changed(pod, status))

    def _vanish(self, pod: Pod) -> None:
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
            "nodes": {row["name"]: node_of(row, names) for row in nodes.values()},
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
            found["outputs"] = _values(status["outputs"].get("parameters"))
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


def _mains(leaf: StartLeaf) -> list[str]:
    block = leaf.template.get("containerSet")
    if block:
        return [c["name"] for c in block["containers"]]
    return ["main"]


def _deadline(leaf: StartLeaf) -> float | None:
    assert leaf.pod is not None
    seconds = leaf.pod["spec"].get("activeDeadlineSeconds")
    return None if seconds is None else float(seconds)


def _container(name: str, code: int | None = None, **state: Any) -> Json:
    if "waiting" in state:
        return {"name": name, "state": {"waiting": state["waiting"]}}
    if state.get("running"):
        return {"name": name, "ready": True, "state": {"running": {}}}
    ended = {"exitCode": code, "reason": state.get("reason") or ("Error" if code else "Completed")}
    if state.get("message"):
        ended["message"] = state["message"]
    return {"name": name, "state": {"terminated": ended}}


def _deadline_status() -> Json:
    return {
        "phase": "Failed",
        "reason": "DeadlineExceeded",
        "message": "Pod was active on the node longer than the specified deadline",
    }


def _final_status(pod: Pod) -> Json:
    """The status a pod ends with, as its rule says."""
    rule, names = pod.rule, _mains(pod.leaf)
    message = rule.get("message") or ""
    if rule.get("reason") == "Evicted":
        return {"phase": "Failed", "reason": "Evicted", "message": message}
    if rule.get("init") is not None:
        # The recorded pods show 0 for containers that were never started.
        init = _container("init", int(rule["init"]), message=message)
        mains = [_container(name, 0) for name in names]
        return {
            "phase": "Failed", "initContainerStatuses": [init], "containerStatuses": mains
        }  # fmt: skip
    code = int(rule.get("exit") or 0)
    reason = rule.get("reason") or ""
    if reason == "OOMKilled":
        code = code or 137
    codes = {name: code if name == "main" else 0 for name in names}
    others = {k: int(v) for k, v in (rule.get("containers") or {}).items()}
    sides = [c["name"] for c in pod.leaf.template.get("sidecars") or ()]
    codes |= dict.fromkeys(sides, 0) | others
    statuses = [
        _container(n, c, reason=reason if n in names else "", message=message if n in names else "")
        for n, c in codes.items()
    ]
    failed = any(c and not (n in sides and c in (137, 143)) for n, c in codes.items())
    return {"phase": "Failed" if failed else "Succeeded", "containerStatuses": statuses}


def _changed(pod: Pod, status: Json) -> LeafChanged:
    """The fact that the runtime makes of a pod's status."""
    names = _mains(pod.leaf)
    state = podstate.assess({"status": status}, names)
    phase = Phase(state.phase)
    outputs = None
    if status["phase"] in ("Succeeded", "Failed"):
        outputs = _outputs(pod, phase, state.exit_code, status)
    containers = {}
    if pod.leaf.template.get("containerSet"):
        containers = podfacts.containers(status, names)
    return LeafChanged(
        pod.leaf.node_id,
        phase,
        state.message,
        outputs,
        ready=state.ready,
        containers=containers,
    )


def _outputs(pod: Pod, phase: Phase, code: int | None, status: Json) -> LeafOutputs:
    rule, capture = pod.rule, pod.leaf.capture
    given = {k: str(v) for k, v in (rule.get("parameters") or {}).items()}
    helped = status.get("message") is None and rule.get("init") is None
    for name in capture.parameters:
        if name in given:
            continue
        if name in capture.parameter_defaults:
            given[name] = capture.parameter_defaults[name]
        elif (phase is Phase.SUCCEEDED or rule.get("containers")) and helped:
            given[name] = f"out-{name}"
    saved = None
    if phase is not Phase.SUCCEEDED:
        saved = frozenset(rule.get("artifacts") or ())
    return LeafOutputs(
        result=str(rule["stdout"]) if capture.result and "stdout" in rule else None,
        parameters=given if helped else {},
        artifacts=saved,
        missing_artifacts=frozenset(rule.get("missing") or ()),
        exit_code=None if code is None else str(code),
    )


def _refusal(leaf: StartLeaf) -> str:
    """What an API server says of a pod with two kinds in one volume."""
    assert leaf.pod is not None
    for index, volume in enumerate(leaf.pod["spec"].get("volumes") or ()):
        kinds = [key for key in volume if key != "name"]
        if len(kinds) > 1:
            return (
                f'Pod "{leaf.pod_name}" is invalid: spec.volumes[{index}].{kinds[-1]}: '
                "Forbidden: may not specify more than 1 volume type"
            )
    return ""


_POD_FIELDS = (
    "activeDeadlineSeconds", "affinity", "nodeSelector", "tolerations", "hostAliases",
    "serviceAccountName", "terminationGracePeriodSeconds", "securityContext", "dnsPolicy",
    "hostNetwork", "imagePullSecrets", "schedulerName", "priorityClassName", "dnsConfig",
)  # fmt: skip
_CONTAINER_FIELDS = (
    "args", "command", "env", "image", "imagePullPolicy", "resources", "volumeMounts", "workingDir",
)  # fmt: skip


def _shown(leaf: StartLeaf, repository: Json) -> Json:
    """A pod as the cases show it, with the defaults an API server adds."""
    assert leaf.pod is not None
    metadata, spec = leaf.pod["metadata"], leaf.pod["spec"]
    found: Json = {
        "node": leaf.node_name,
        "labels": metadata["labels"],
        "annotations": metadata["annotations"],
        "containers": {c["name"]: _shown_container(c) for c in spec["containers"]},
    }
    if spec.get("initContainers"):
        found["initContainers"] = {c["name"]: _shown_container(c) for c in spec["initContainers"]}
    volumes = [_shown_volume(v) for v in spec.get("volumes") or ()]
    volumes += _credentials(leaf, repository)
    if volumes:
        found["volumes"] = sorted(volumes, key=lambda v: v["name"])
    found |= {key: spec[key] for key in _POD_FIELDS if spec.get(key)}
    return found


def _shown_container(container: Json) -> Json:
    found = {key: container[key] for key in _CONTAINER_FIELDS if container.get(key)}
    limits = (found.get("resources") or {}).get("limits")
    if limits:
        requests = {**limits, **(found["resources"].get("requests") or {})}
        found["resources"] = {**found["resources"], "requests": requests}
    return found


def _shown_volume(volume: Json) -> Json:
    found = dict(volume)
    for kind in ("configMap", "secret"):
        if kind in found:
            found[kind] = {"defaultMode": 420, **found[kind]}
    return found


_STORES = ("s3", "gcs", "oss", "azure", "artifactory", "hdfs", "git")


def _credentials(leaf: StartLeaf, repository: Json) -> list[Json]:
    """The recorded engine mounts a store's keys into pods that use it; ours hands out signed
    addresses instead. The comparison shows what it would have mounted."""
    declared = [
        artifact
        for block in (leaf.template.get("inputs"), leaf.template.get("outputs"))
        for artifact in (block or {}).get("artifacts") or ()
    ]
    places = [artifact.get(kind) or {} for artifact in declared for kind in _STORES]
    if leaf.capture.archive_logs or not all(map(_is_located, declared)):
        own = artifacts.archive_location(leaf.template)
        stores = repository if own is None else dict([own])
        places += [stores.get(kind) or {} for kind in _STORES]
    secrets: dict[str, dict[str, None]] = {}
    for place in places:
        for field_, secret in place.items():
            if field_.endswith("Secret") and isinstance(secret, dict):
                secrets.setdefault(secret["name"], {})[secret["key"]] = None
    return [
        {
            "name": name,
            "secret": {
                "secretName": name,
                "items": [{"key": key, "path": key} for key in keys],
                "defaultMode": 420,
            },
        }
        for name, keys in secrets.items()
    ]


def _is_located(artifact: Json) -> bool:
    """Whether an artifact says all of where it lies, so that no repository is needed."""
    if any(artifact.get(kind) for kind in ("raw", "http", "git")):
        return True
    return any((artifact.get(kind) or {}).get("bucket") for kind in _STORES)


def node_of(row: Json, names: dict[str, str]) -> Json:
    """A row of the node table as the cases show it; `names` by node id."""
    keep = (
        "id", "type", "phase", "message", "templateName", "templateRef", "templateScope",
        "displayName", "nodeFlag", "memoizationStatus",
    )  # fmt: skip
    found: Json = {key: row[key] for key in keep if row.get(key)}
    if row.get("memoizationStatus"):
        found["memoizationStatus"] = row["memoizationStatus"]
    if row.get("boundaryID"):
        found["boundary"] = names.get(row["boundaryID"], row["boundaryID"])
    for key in ("children", "outboundNodes"):
        if row.get(key):
            found[key] = sorted(names[node_id] for node_id in row[key])
    if row.get("daemoned"):
        found["daemoned"] = True
    for kind in ("inputs", "outputs"):
        block = row.get(kind) or {}
        if block.get("parameters"):
            found[kind] = _values(block["parameters"])
        if block.get("artifacts"):
            found[f"{kind[:-1]}Artifacts"] = {a["name"]: _where(a) for a in block["artifacts"]}
    outputs = row.get("outputs") or {}
    for key in ("result", "exitCode"):
        if outputs.get(key) is not None:
            found[key] = outputs[key]
    return found


def _where(artifact: Json) -> str | None:
    if artifact.get("raw"):
        return str(artifact["raw"]["data"])
    return (artifact.get("s3") or {}).get("key")


def _values(parameters: list[Json] | None) -> Json:
    return {p["name"]: p["value"] for p in parameters or () if p.get("value") is not None}


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
