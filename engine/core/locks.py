"""Locks of a call or of the workflow: what to ask for, and what the answers do.

Who may have a lock is decided outside, over all workflows; here is only one workflow's side.
Semantics: Argo's `synchronization` (lists of semaphores and mutexes, taken all or nothing).
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

from engine.core import table, timers
from engine.core.decisions import AcquireLocks, LockRequest
from engine.core.nodes import Node
from engine.core.phases import NodeType, Phase
from engine.core.run import Run
from engine.core.timers import Timer
from engine.core.work import Call
from lang import duration
from lang.errors import LangError


def requests(run: Run, block: Mapping[str, Any] | None) -> tuple[LockRequest, ...]:
    """The locks of a `synchronization` block, in its order: semaphores, then mutexes."""
    if not block:
        return ()
    found = []
    for semaphore in block.get("semaphores") or ():
        namespace = semaphore.get("namespace") or run.namespace
        reference = semaphore.get("configMapKeyRef")
        if reference:
            key = f"{namespace}/ConfigMap/{reference.get('name')}/{reference.get('key')}"
        else:
            key = f"{namespace}/Database/{(semaphore.get('database') or {}).get('key')}"
        found.append(LockRequest(key, mutex=False))
    for mutex in block.get("mutexes") or ():
        namespace = mutex.get("namespace") or run.namespace
        kind = "Database" if mutex.get("database") else "Mutex"
        found.append(LockRequest(f"{namespace}/{kind}/{mutex.get('name')}", mutex=True))
    return tuple(found)


def ask(run: Run, holder: str, wanted: tuple[LockRequest, ...], node_id: str = "") -> None:
    """Queue for `wanted` under the name `holder`."""
    run.locks[holder] = {"requests": wanted, "held": False, "waiting": ""}
    run.head_dirty = True
    priority = run.spec.get("priority")
    run.decide(
        AcquireLocks(holder, wanted, int(priority) if priority else 0, run.created_at, node_id)
    )


def ask_for_call(run: Run, call: Call, wanted: tuple[LockRequest, ...]) -> None:
    """Queue for a call's locks."""
    call.holder = f"{run.namespace}/{run.name}/{call.node_id}"
    run.holders[call.holder] = call
    ask(run, call.holder, wanted, call.node_id)


def waiting(run: Run, call: Call, lock: str, message: str, kind: NodeType) -> Node:
    """The call is in the queue: its node is Pending and says for which lock it waits."""
    node = table.create(run, call, kind, Phase.PENDING, message)
    if node.phase is Phase.PENDING:
        if not node.waiting_lock:
            _arm(run, call, node)
        node.message = message
        node.waiting_lock = lock
        run.locks[call.holder]["waiting"] = lock
        run.head_dirty = True
        run.touch(node)
    return node


def _arm(run: Run, call: Call, node: Node) -> None:
    """Waiting counts: a node's timeouts run from its start."""
    for field in ("timeout", "pendingTimeout"):
        if not call.head.get(field) or node.started_at is None:
            continue
        with contextlib.suppress(LangError):  # one that is no duration fails the node later
            moment = node.started_at + duration.parse(str(call.head[field]))
            timers.set(run, moment, Timer.TIMEOUT, node.id)


def of_node(run: Run, node_id: str) -> Call | None:
    """The call of a node that waits for its locks."""
    call = run.holders.get(f"{run.namespace}/{run.name}/{node_id}")
    return None if call is None or call.granted else call


def granted(run: Run, holder: str) -> None:
    """The locks are held now."""
    entry = run.locks.get(holder)
    if entry is not None:
        entry["held"] = True
        entry["waiting"] = ""
        run.head_dirty = True


def workflow_holder(run: Run) -> str:
    """The name under which the workflow itself holds locks."""
    return f"{run.namespace}/{run.name}"
