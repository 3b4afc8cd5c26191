"""The simulated kubelet: runs pods for a while, ends them as the workload says, counts the runs.

A pod's process ends on its own here even when its object is deleted, as on a lost node.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import orjson

from kube import resources
from kube.cluster import Object
from kube.errors import NotFound
from kube.resources import Resource
from tests.simulation import workload
from tests.simulation.api import FakeApi

NODE_ID = "workflows.argoproj.io/node-id"
CAPTURE = "headrace.dev/capture"
OUTPUTS = "headrace.dev/outputs"


class SimulatedKubelet:
    """An observer of the API. It is never at fault, only slow."""

    def __init__(self, api: FakeApi, rng: random.Random, seed: int) -> None:
        self._api = api
        self._rng = rng
        self._seed = seed
        self._loop = asyncio.get_running_loop()
        self.runs: Counter[str] = Counter()
        self.intruders: list[str] = []
        """Pods of the template with a mutex that ran beside another one of it."""
        self._holding: set[str] = set()
        api.observers.append(self._observe)

    def _observe(self, resource: Resource, before: Object | None, after: Object | None) -> None:
        if resource is resources.PODS and before is None and after is not None:
            self._loop.call_later(self._rng.random() * 3, self._start, after)

    def _start(self, pod: Object) -> None:
        if not self._there(pod):
            return
        name = pod["metadata"]["name"]
        self.runs[name] += 1
        if "-l-" in name:
            if self._holding:
                self.intruders.append(name)
            self._holding.add(name)
        self._status(pod, {"phase": "Running", "containerStatuses": [_state("running", {})]})
        self._loop.call_later(self._rng.random() * 20, self._end, pod)

    def _end(self, pod: Object) -> None:
        self._holding.discard(pod["metadata"]["name"])
        if not self._there(pod):
            return
        annotations = pod["metadata"].get("annotations") or {}
        failed = workload.fails(annotations[NODE_ID], self._seed)
        plan = orjson.loads(annotations.get(CAPTURE) or "{}")
        captured = {p["name"]: "v" for p in plan.get("parameters") or ()}
        if captured and not failed:
            text = orjson.dumps({"parameters": captured}).decode()
            self._patch(pod, {"metadata": {"annotations": {OUTPUTS: text}}}, "")
        code = 1 if failed else 0
        over = {"exitCode": code, "reason": "Error" if failed else "Completed"}
        phase = "Failed" if failed else "Succeeded"
        self._status(pod, {"phase": phase, "containerStatuses": [_state("terminated", over)]})

    def _there(self, pod: Object) -> bool:
        try:
            meta = pod["metadata"]
            found = self._api.get(resources.PODS, meta["namespace"], meta["name"])
        except NotFound:
            return False
        return bool(found["metadata"]["uid"] == pod["metadata"]["uid"])

    def _status(self, pod: Object, status: Object) -> None:
        self._patch(pod, {"status": status}, "status")

    def _patch(self, pod: Object, body: Object, part: str) -> None:
        meta = pod["metadata"]
        self._api.patch(resources.PODS, meta["namespace"], meta["name"], body, part)


def _state(kind: str, content: Object) -> Object:
    return {"name": "main", "ready": kind == "running", "state": {kind: content}}
