"""Which pods run now: by priority, then in order of arrival, as far as the node has room.

Pods that want the same are one class, and a class whose first does not fit is passed over whole:
a decision costs as much as there are classes and admitted pods, however many wait.
Messages are those of Kubernetes' scheduler.
"""

from __future__ import annotations

import heapq
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from headrace.local.kubelet import amounts, placement
from headrace.local.kubelet.amounts import Amount
from headrace.local.kubelet.policy import Capacity
from kube.cluster import Object

NODES = "0/1 nodes are available: "


@dataclass(frozen=True, slots=True)
class Want:
    """What makes pods alike for the scheduler."""

    amount: Amount
    placement: str  # JSON of `placement.wanted`


@dataclass(slots=True)
class Decision:
    """What one round decided: pods that run now, and what pods that were looked at first lack."""

    admitted: list[Object] = field(default_factory=list)
    refused: list[tuple[Object, str]] = field(default_factory=list)


class Scheduler:
    """Keeps the books of one node. Not aware of time or of the API."""

    def __init__(self, capacity: Capacity, node_name: str, labels: Mapping[str, str]) -> None:
        self._capacity = capacity
        self._node = node_name
        self.labels = dict(labels)
        self.cordoned = False
        self._order = itertools.count()
        self._queues: dict[Want, list[tuple[int, int, str]]] = {}
        self._waiting: dict[str, tuple[Object, Want]] = {}
        self._unseen: dict[str, None] = {}
        self._running: dict[str, Amount] = {}
        self._used = Amount()

    def __contains__(self, uid: str) -> bool:
        return uid in self._waiting or uid in self._running

    def add(self, pod: Object) -> None:
        """A pod that waits for room; again for one that changed."""
        uid = pod["metadata"]["uid"]
        if uid in self._waiting:
            self._waiting[uid] = (pod, self._waiting[uid][1])
            return
        chosen = json.dumps(placement.wanted(pod["spec"]), sort_keys=True)
        want = Want(amounts.pod_requests(pod["spec"]), chosen)
        self._waiting[uid] = (pod, want)
        self._unseen[uid] = None
        priority = int(pod["spec"].get("priority") or 0)
        entry = (-priority, next(self._order), uid)
        heapq.heappush(self._queues.setdefault(want, []), entry)

    def take(self, pod: Object) -> None:
        """A pod that runs already, whether it fits or not."""
        self.remove(pod["metadata"]["uid"])
        self._run(pod["metadata"]["uid"], amounts.pod_requests(pod["spec"]))

    def remove(self, uid: str) -> bool:
        """The pod has ended or is gone; whether that made room."""
        self._waiting.pop(uid, None)
        self._unseen.pop(uid, None)
        amount = self._running.pop(uid, None)
        if amount is None:
            return False
        self._used = self._used.minus(amount)
        return True

    def decide(self) -> Decision:
        """Admit what fits."""
        made = Decision()
        blocked: dict[Want, str] = {}
        heads = [(queue[0], want) for want, queue in self._queues.items() if queue]
        heapq.heapify(heads)  # entries differ in their order number: wants are never compared
        while heads:
            (_, _, uid), want = heapq.heappop(heads)
            queue = self._queues[want]
            waiting = self._waiting.get(uid)
            if waiting is None:
                heapq.heappop(queue)
            elif problem := self._problem(want):
                blocked[want] = problem
                continue
            else:
                heapq.heappop(queue)
                del self._waiting[uid]
                self._unseen.pop(uid, None)
                self._run(uid, want.amount)
                made.admitted.append(waiting[0])
            if queue:
                heapq.heappush(heads, (queue[0], want))
            else:
                del self._queues[want]
        for uid in self._unseen:
            pod, want = self._waiting[uid]
            made.refused.append((pod, NODES + blocked[want]))
        self._unseen.clear()
        return made

    def _run(self, uid: str, amount: Amount) -> None:
        self._running[uid] = amount
        self._used = self._used.plus(amount)

    def _problem(self, want: Want) -> str:
        if self.cordoned:
            return "1 node(s) were unschedulable."
        if not placement.matches(json.loads(want.placement), self.labels, self._node):
            return "1 node(s) didn't match Pod's node affinity/selector."
        needed = self._used.plus(want.amount)
        lacks = []
        if want.amount.cpu and needed.cpu > self._capacity.cpu:
            lacks.append("1 Insufficient cpu")
        if want.amount.memory and needed.memory > self._capacity.memory:
            lacks.append("1 Insufficient memory")
        if len(self._running) >= self._capacity.pods:
            lacks.append("1 Too many pods")
        return ", ".join(lacks) + "." if lacks else ""
