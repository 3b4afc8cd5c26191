"""Named places where a test may kill this process, so that "survives a crash anywhere" is checked.

Costs one dictionary look-up where it stands. Armed only by the environment variable
`HEADRACE_CRASH_AT=name` (or `name:n` for the n-th time), which the acceptance tests set; every
name is listed here, so that the tests can go through all of them.
"""

from __future__ import annotations

import os
import signal

POINTS = (
    # events: from the socket to the bus
    "source.received",  # the request is read, nothing is durable
    "source.published",  # durable on the bus, the 2xx is not sent
    "source.answered",  # the 2xx is sent
    # events: from the bus to an object
    "sensor.delivered",  # the bus handed the event over
    "sensor.decided",  # filters and conditions said fire
    "trigger.before",  # parameters are filled in, nothing is created
    "trigger.after",  # the object exists, the outcome is not recorded
    "sensor.recorded",  # the outcome is in the ledger, the event is not acknowledged
    "sensor.acknowledged",
    # engine: from the workflow to pods and back
    "engine.taken",  # the first turn decided, nothing is carried out
    "engine.before-status",
    "engine.after-status",
    "engine.before-pod",
    "engine.after-pod",
    "engine.leaf-ended",  # a pod's end is in the mailbox
    "engine.finished",  # the final status is written
    # kubelet: from the pod to a process and back
    "kubelet.admitted",  # the pod is bound, no process runs
    "kubelet.started",  # the process runs, the status does not say so
    "kubelet.exited",  # the process ended, the status does not say so
    "kubelet.reported",  # the final status is written
)

_armed: dict[str, int] = {}


def arm(text: str | None) -> None:
    """Arm the point that `text` names. Raises ValueError for a name that is not listed."""
    _armed.clear()
    if not text:
        return
    name, _, times = text.partition(":")
    if name not in POINTS:
        raise ValueError(f"HEADRACE_CRASH_AT: no point {name!r}")
    _armed[name] = int(times or "1")


def reached(name: str) -> None:
    """The process is at the point now: go on, or die here as by kill -9."""
    if name not in _armed:
        return
    _armed[name] -= 1
    if _armed[name] <= 0:
        os.kill(os.getpid(), signal.SIGKILL)


arm(os.environ.get("HEADRACE_CRASH_AT"))
