"""One writer for each workflow, even while two processes believe to be it.

Who holds the engine's lease has an epoch greater than that of every holder before. It writes its
epoch on every workflow before it starts anything; each write of a status names the version that
it is based on, and a leaf starts only after such a write. So a process that has lost the lease
and does not know it meets a conflict, reads a greater epoch, and lets go.

Why that is enough, step by step:
- what the old process started before the new one wrote its epoch stands in the status that the
  new one reads, and pods have names that follow from it: a second create meets the first;
- a pod that is gone could be created again by a request of the old process that is still under
  way, so the new one deletes no pod in its first `GRACE` seconds;
- a lock that the old process granted is in a status too, and the new one gives none away before
  it has read them all; a workflow that nobody had taken up yet is taken up by the old process
  only when the lease, read after the workflow was seen, still has its epoch.
"""

from __future__ import annotations

from dataclasses import dataclass

from kube.cluster import Cluster, Object
from kube.errors import NotFound
from kube.resources import LEASES

ANNOTATION = "headrace.dev/epoch"
GRACE = 60.0  # seconds; longer than any request is under way


@dataclass(frozen=True, slots=True)
class Fence:
    """The lease that a process holds, and the epoch in which it does."""

    epoch: int
    namespace: str
    lease: str

    def owns(self, workflow: Object) -> bool:
        """Whether no later holder has taken the workflow up."""
        return epoch_of(workflow) <= self.epoch

    async def holds(self, cluster: Cluster) -> bool:
        """Whether the lease, as it is stored now, is still ours. Raises KubeError."""
        try:
            found = await cluster.get(LEASES, self.namespace, self.lease)
        except NotFound:
            return False
        return int((found.get("spec") or {}).get("leaseTransitions") or 0) == self.epoch


def epoch_of(workflow: Object) -> int:
    """The epoch of the last process that took the workflow up; 0 for none."""
    text = (workflow["metadata"].get("annotations") or {}).get(ANNOTATION) or ""
    return int(text) if text.isdigit() else 0


class Fenced(Exception):
    """Another process has the workflow now: stop working on it."""
