"""`advance`: the one function that moves a workflow. A fact goes in, decisions come out.

Pure and deterministic. A fact touches only what it concerns; what follows from it is put on the
agenda and done before returning, up to a budget of starts: what is left asks for a timer at once
(`SetTimer(now)`), so that the caller can carry decisions out, and breathe, in between.
"""

from __future__ import annotations

from engine.core import (
    dag,
    deadlines,
    execute,
    hooks,
    leaf,
    locks,
    loops,
    parallelism,
    retry,
    settle,
    shutdowns,
    steps,
    suspend,
    table,
    timers,
    workflow,
    workflow_hooks,
)
from engine.core.decisions import Decision
from engine.core.facts import (
    Admitted,
    Fact,
    LeafChanged,
    LeafRefused,
    LockGranted,
    LockRefused,
    LockWaiting,
    MemoFound,
    MemoRefused,
    NodeSet,
    Postponed,
    Resumed,
    ShutdownRequested,
    SpecChanged,
    Submitted,
    Suspended,
    TemplatesLoaded,
    TimerFired,
    VolumesCreated,
    VolumesRefused,
)
from engine.core.frames import (
    DagFrame,
    HookSlot,
    LoopFrame,
    RetryFrame,
    Root,
    StepsFrame,
)
from engine.core.phases import BAD, NodeType, Phase, Shutdown
from engine.core.prepared import TemplateType
from engine.core.run import Run
from engine.core.timers import Timer
from engine.core.work import Attempt, Call, Enter, Expand, Proceed, Settled, Start, Work

BUDGET = 1000
"""Starts in one call: bounds the time and the decisions of one step."""

_OBSERVED = (LeafChanged, TimerFired, Resumed, NodeSet, ShutdownRequested, SpecChanged)
"""Facts of a workflow that is under way already: its status then says whether pods run."""


def advance(run: Run, fact: Fact, now: float) -> list[Decision]:
    """Tell `fact` to `run` at the moment `now` (epoch seconds); the decisions, in order.

    A workflow that is over takes facts without changing. Never raises for what a user wrote.
    """
    run.now = max(now, run.now)
    run.decisions = []
    if not run.finished:
        before = len(run.dirty)
        _take(run, fact)
        _drain(run, adopting=isinstance(fact, Submitted) and bool(run.nodes))
        if isinstance(fact, _OBSERVED) and (len(run.dirty) != before or run.head_dirty):
            _pods_running(run)
    timers.arm(run)
    decisions, run.decisions = run.decisions, []
    return decisions


def _pods_running(run: Run) -> None:
    status = "True" if run.running and not run.finished else "False"
    known = run.conditions.get("PodRunning", {}).get("status")
    if known != status:
        run.conditions["PodRunning"] = {"type": "PodRunning", "status": status}
        run.head_dirty = True


def _take(run: Run, fact: Fact) -> None:  # noqa: C901 - one case per fact
    match fact:
        case Submitted():
            workflow.submit(run, fact)
        case LeafChanged():
            leaf.changed(run, fact)
        case LeafRefused():
            leaf.refused(run, fact.node_id, fact.message)
        case TimerFired():
            _timers(run)
        case Suspended():
            run.suspended = True
            run.head_dirty = True
        case Resumed():
            _resume(run, fact)
        case NodeSet():
            for node_id in fact.node_ids:
                suspend.change(run, node_id, fact.phase, fact.message, fact.parameters)
        case ShutdownRequested():
            shutdowns.request(run, fact.strategy)
        case SpecChanged():
            _spec_changed(run, fact)
        case LockGranted():
            _lock_granted(run, fact.holder)
        case LockWaiting():
            _lock_waiting(run, fact)
        case LockRefused():
            _lock_refused(run, fact)
        case MemoFound():
            _memo_found(run, fact)
        case MemoRefused():
            _memo_refused(run, fact)
        case TemplatesLoaded():
            run.library = fact.library
        case VolumesCreated():
            run.claims = dict(fact.claims)
            run.head_dirty = True
            if run.waits_for == "volumes":
                workflow.begin(run)
        case VolumesRefused():
            workflow.volumes_refused(run, fact.message, retryable=fact.retryable)
        case Postponed():
            workflow.postpone(run, fact.message)
        case Admitted():
            workflow.admit(run)


def _drain(run: Run, *, adopting: bool) -> None:
    """Do what follows, first things first. `adopting`: rows of a status are taken up again; that
    happens also while the workflow is suspended, and then only what is new is held back."""
    suspended = run.suspended and run.shutdown is Shutdown.NONE
    if suspended and not adopting:
        return
    held: list[Work] = []
    _work_off(run, held if suspended else None)
    run.agenda.extend(held)


def _work_off(run: Run, held: list[Work] | None) -> None:
    budget = BUDGET
    while not run.finished and budget > 0:
        limit, parked = None, 0
        if run.woken:
            work, limit = run.woken.popleft()
            parked = len(limit.waiting)
        elif run.agenda:
            work = run.agenda.popleft()
        else:
            if held is None:
                workflow_hooks.evaluate(run)
            if not run.agenda:
                return
            continue
        if held is not None and _is_new(run, work):
            held.append(work)
            continue
        budget -= _do(run, work)
        if limit is not None and len(limit.waiting) <= parked:
            parallelism.wake(run, limit)
    if not run.finished and (run.agenda or run.woken):
        timers.set(run, run.now, Timer.CONTINUE)


def _is_new(run: Run, work: Work) -> bool:
    """The work would make a node that is not there yet."""
    match work:
        case Start(call=call) | Proceed(call=call):
            return table.existing(run, call.name) is None
        case Attempt(frame=frame):
            name = f"{frame.call.name}({len(frame.attempts)})"
            return table.existing(run, name) is None
        case Expand(loop=loop):
            return not loops.is_known(run, loop)
        case Enter(frame=StepsFrame() as frame):
            name = f"{run.nodes[frame.node_id].name}[{frame.index + 1}]"
            return table.existing(run, name) is None
        case _:
            return False


def _do(run: Run, work: Work) -> int:
    """One piece of work; its cost in the budget."""
    match work:
        case Start(call=call):
            if execute.start(run, call):
                _dispatch(run, call)
            return 1
        case Proceed(call=call):
            if execute.proceed(run, call):
                _dispatch(run, call)
            return 1
        case Attempt(frame=frame):
            again = retry.attempt(run, frame)
            if again is not None:
                _begin(run, again, frame)
            return 1
        case Expand(loop=loop):
            loops.expand(run, loop)
        case Enter(frame=frame):
            if isinstance(frame, DagFrame):
                dag.enter(run, frame)
            else:
                steps.enter(run, frame)
        case Settled(call=call):
            _tell(run, call)
    return 0


def _dispatch(run: Run, call: Call) -> None:
    """A call has passed its gates: retried calls get a Retry node first."""
    if call.head.get("retryStrategy"):
        retry.begin(run, call)
    else:
        _begin(run, call, None)


def _begin(run: Run, call: Call, attempt: RetryFrame | None) -> None:
    assert call.template is not None
    match call.template.type:
        case TemplateType.STEPS:
            steps.begin(run, call)
        case TemplateType.DAG:
            dag.begin(run, call)
        case TemplateType.SUSPEND:
            suspend.begin(run, call)
        case _:
            leaf.begin(
                run, call, None if attempt is None else retry.attempt_variables(run, attempt)
            )


def _tell(run: Run, call: Call) -> None:
    """A call is over, hooks and all: its owner goes on."""
    match call.owner:
        case StepsFrame() as frame:
            steps.settled(run, frame, call)
        case DagFrame() as frame:
            dag.settled(run, frame, call)
        case LoopFrame() as loop:
            if isinstance(loop.flow, StepsFrame):
                steps.settled(run, loop.flow, call)
            else:
                dag.item_settled(run, loop, call)
        case RetryFrame() as frame:
            retry.settled(run, frame, call)
        case HookSlot() as slot:
            hooks.over(run, slot, call)
        case Root() as root:
            workflow.settled(run, root, call)


def _timers(run: Run) -> None:
    run.armed = None
    for kind, node_id in timers.due(run):
        match kind:
            case Timer.DEADLINE:
                deadlines.workflow_expired(run)
            case Timer.TIMEOUT:
                deadlines.node_expired(run, node_id)
            case Timer.RESUME:
                suspend.expire(run, node_id)
            case Timer.RETRY:
                frame = run.retries.pop(node_id, None)
                if frame is not None:
                    run.agenda.append(Attempt(frame))
            case Timer.CONTINUE:
                pass


def _resume(run: Run, fact: Resumed) -> None:
    if run.suspended:
        run.suspended = False
        run.head_dirty = True
    wanted = list(run.suspends) if fact.node_ids is None else fact.node_ids
    for node_id in wanted:
        suspend.resume(run, node_id, fact.message)


def _spec_changed(run: Run, fact: SpecChanged) -> None:
    """Take up what may change on a live workflow."""
    for field in ("activeDeadlineSeconds", "parallelism", "priority"):
        if fact.spec.get(field) != run.spec.get(field):
            run.spec[field] = fact.spec.get(field)
    workflow.set_parallelism(run)
    workflow.set_deadline(run)
    parallelism.wake(run, run.limit)
    run.suspended = bool(fact.spec.get("suspend"))
    run.head_dirty = True
    if fact.spec.get("shutdown"):
        shutdowns.request(run, Shutdown(str(fact.spec["shutdown"])))


def _lock_granted(run: Run, holder: str) -> None:
    if holder == locks.workflow_holder(run):
        workflow.lock_granted(run)
        return
    call = run.holders.get(holder)
    if call is None or call.granted:
        return
    locks.granted(run, holder)
    call.granted = True
    run.agenda.append(Proceed(call))


def _lock_waiting(run: Run, fact: LockWaiting) -> None:
    if fact.holder == locks.workflow_holder(run):
        workflow.lock_waiting(run, fact.lock, fact.message)
        return
    call = run.holders.get(fact.holder)
    if call is not None and not call.granted and call.template is not None:
        kind = execute.node_type(call.template)
        locks.waiting(run, call, fact.lock, fact.message, kind)


def _lock_refused(run: Run, fact: LockRefused) -> None:
    if fact.holder == locks.workflow_holder(run):
        workflow.lock_refused(run, fact.message)
        return
    call = run.holders.get(fact.holder)
    if call is not None:
        settle.fail(run, call, fact.message)


def _memo_found(run: Run, fact: MemoFound) -> None:
    call = run.reading.pop(fact.node_id, None)
    if call is None:
        return
    if fact.error:
        settle.fail(run, call, fact.error)
        return
    if execute.remembered(run, call, fact.entry):
        run.agenda.append(Proceed(call))


def _memo_refused(run: Run, fact: MemoRefused) -> None:
    node = run.nodes.get(fact.node_id)
    if node is not None and node.type is not NodeType.SKIPPED and node.phase not in BAD:
        node.phase, node.message = Phase.ERROR, fact.message
        run.touch(node)
