"""DAG templates: each task begins the moment the last task it waits for is over.

Counters of unfinished dependencies decide who is ready; nothing is walked until the end, when the
phase of the DAG is computed once. Semantics: Argo's `executeDAG` and `assessDAGPhase`. The DAG
field `failFast` starts or stops nothing (as in the reference); the template's own does.
"""

from __future__ import annotations

from engine.core import (
    arguments,
    dagphase,
    execute,
    hooks,
    leaf,
    loops,
    memo,
    outputs,
    parallelism,
    results,
    settle,
    steps,
    table,
    values,
)
from engine.core.callspec import CallSpec
from engine.core.dagplan import DagPlan, Task, compile_dag
from engine.core.errors import CoreError
from engine.core.frames import DagFrame, Limit, LoopFrame, Result
from engine.core.nodes import Node
from engine.core.phases import FULFILLED, NodeType, Phase, Shutdown
from engine.core.run import Run
from engine.core.scope import FlowScope
from engine.core.work import Call, Caller, Enter, Expand, Start
from lang import depends, govaluate, tags
from lang.errors import LangError

OMITTED = "omitted: depends condition not met"


def begin(run: Run, call: Call) -> None:
    """Make the node; its first tasks begin from the agenda."""
    assert call.template is not None
    assert call.template.plan is not None
    node = table.create(run, call, NodeType.DAG, Phase.RUNNING)
    if node.phase is Phase.PENDING:
        node.waiting_lock = ""
        table.move(run, node, Phase.RUNNING)
    block = memo.wanted(call)
    if block is not None and node.memoization is None:
        node.memoization = memo.status(block, hit=False)
    frame = DagFrame(call, node.id, plan=call.template.plan)
    target = str(call.template.raw["dag"].get("target") or "")
    frame.limit.active = run.adopted_children.pop(node.id, 0)
    settle.track(run, call, node)
    hooks.observe(run, call, node)
    try:
        if "{{" in target:
            target = str(tags.render(target, execute.scope(run, call)))
            frame.plan = compile_dag({**call.template.raw["dag"], "target": target})
        limit = call.head.get("parallelism")
        if limit is not None:
            frame.limit.ceiling = values.integer(limit, "parallelism")
    except (CoreError, LangError) as error:
        settle.fail(run, call, error.message)
        return
    run.agenda.append(Enter(frame))


def enter(run: Run, frame: DagFrame) -> None:
    """Set up the counters and begin every task that waits for nothing."""
    plan = _plan(frame)
    frame.unfinished = len(plan.needed)
    frame.waiting = {name: len(plan.tasks[name].needs) for name in plan.needed}
    for name in plan.needed:
        if frame.waiting[name] == 0:
            _ready(run, frame, plan.tasks[name])
    if not plan.needed:
        _finish(run, frame)


def _plan(frame: DagFrame) -> DagPlan:
    assert frame.plan is not None
    return frame.plan


def _ready(run: Run, frame: DagFrame, task: Task) -> None:
    """Everything a task waits for is over: decide, resolve, begin."""
    spec = task.spec
    name = f"{run.nodes[frame.node_id].name}.{spec.name}"
    call = _call(run, frame, task, name)
    known = table.existing(run, name)
    if known is not None and known.phase in FULFILLED:
        run.agenda.append(Start(call))
        return
    if known is None and not _wanted(run, frame, task, call):
        return
    scope = _scope(run, frame, task)
    try:
        if spec.loop is not None:
            _loop(run, frame, task, scope, call)
            return
        if spec.when is not None and known is None:
            text = str(spec.when.render(scope, strict_prefixes=arguments.STEP_PREFIXES))
            if not govaluate.when(text):
                call.skip = f"when '{text}' evaluated false"
                run.agenda.append(Start(call))
                return
        call.reference = loops.reference(run, spec, scope)
        _limit(frame, spec, scope)
        arguments.render(run, call, spec.arguments, scope)
    except (CoreError, LangError) as error:
        _resolve_error(run, call, error.message)
        return
    run.agenda.append(Start(call))


def _resolve_error(run: Run, call: Call, message: str) -> None:
    """The task cannot be resolved: its node says why; the DAG goes on without it."""
    node = table.create(run, call, NodeType.SKIPPED, Phase.ERROR, message)
    table.finish(run, node, Phase.ERROR, message)
    settle.settle(run, call, node)


def _wanted(run: Run, frame: DagFrame, task: Task, call: Call) -> bool:
    """Whether the task's dependencies let it run; if not, its node says so."""
    try:
        holds = _holds(run, frame, task)
    except LangError as error:
        _resolve_error(run, call, error.message)
        return False
    if not holds:
        node = table.create(run, call, NodeType.SKIPPED, Phase.OMITTED, OMITTED)
        settle.settle(run, call, node)
    return holds


def _holds(run: Run, frame: DagFrame, task: Task) -> bool:
    if task.logic is None:
        return all(_good_enough(run, frame, need) for need in task.needs)
    states = {need: _state(run, frame, need) for need in task.needs}
    return task.logic.eval({need: state.result() for need, state in states.items()})


def _good_enough(run: Run, frame: DagFrame, need: str) -> bool:
    """A bare dependency: Succeeded, Skipped or Daemoned, or what `continueOn` covers."""
    node = _node(run, frame, need)
    if node is None:
        return False
    if node.phase in (Phase.SUCCEEDED, Phase.SKIPPED) or node.daemoned:
        return True
    return _plan(frame).tasks[need].spec.continues(node.phase.value)


def _state(run: Run, frame: DagFrame, need: str) -> depends.Node:
    node = _node(run, frame, need)
    if node is None:
        return depends.Node("")
    children: tuple[str | None, ...] = ()
    is_loop = node.type is NodeType.TASK_GROUP
    if is_loop:
        children = tuple(run.nodes[child].phase.value for child in node.children or ())
    return depends.Node(node.phase.value, is_loop, node.daemoned, children)


def _node(run: Run, frame: DagFrame, name: str) -> Node | None:
    result = frame.results.get(name)
    return run.nodes.get(result.node_id) if result is not None else None


def _scope(run: Run, frame: DagFrame, task: Task) -> FlowScope:
    """What a task sees: the tasks before it. Only expressions need the whole list."""
    return FlowScope(run, frame, only=_visible(frame, task))


def _visible(frame: DagFrame, task: Task) -> frozenset[str] | None:
    return _plan(frame).ancestors(task.spec.name) if task.has_expressions else None


def _limit(frame: DagFrame, spec: CallSpec, scope: FlowScope) -> None:
    """`parallelism` of this task alone."""
    ceiling = loops.ceiling(spec, scope)
    if ceiling is not None and spec.name not in frame.task_limits:
        frame.task_limits[spec.name] = Limit(ceiling)


def _call(run: Run, frame: DagFrame, task: Task, name: str) -> Call:
    spec = task.spec
    call = Call(
        name=name,
        reference=spec.reference,
        source=loops.flow_source(frame),
        owner=frame,
        boundary_id=frame.node_id,
        flow=frame,
        depth=frame.call.depth + 1,
        caller=Caller.TASK,
        label=spec.name,
        key=spec.name,
        parents=_parents(run, frame, task),
        on_exit=frame.call.on_exit,
    )
    if spec.reference.inline is not None:
        call.outer = _scope(run, frame, task)
    call.hooks = hooks.slot(call, spec)
    return call


def _parents(run: Run, frame: DagFrame, task: Task) -> list[str]:
    """A task hangs on the ends of what it depends on, else on the DAG itself."""
    if not task.needs:
        return [frame.node_id]
    before = [node.id for need in task.needs if (node := _node(run, frame, need)) is not None]
    return table.outbound(run, before)


def _loop(run: Run, frame: DagFrame, task: Task, scope: FlowScope, call: Call) -> None:
    """Begin a looped task: a TaskGroup, and its items under it. Raises CoreError, LangError."""
    spec = task.spec
    never = _never(spec, scope)
    try:
        members = loops.items_of(spec, scope)
    except LangError:
        if not never:
            raise
        members = []
    if not members:
        call.skip = "Skipped, empty params"
        run.agenda.append(Start(call))
        return
    _limit(frame, spec, scope)
    if not never:
        loops.check(spec, members, scope)
    group = table.create(run, call, NodeType.TASK_GROUP, Phase.RUNNING)
    group.inputs = None
    loop = LoopFrame(frame, spec, call.name, members, only=_visible(frame, task))
    loop.group_id = group.id
    loop.group = call
    call.node_id = group.id
    loop.pending = len(members)
    loop.node_ids = [""] * len(members)
    hooks.observe(run, call, group)
    run.agenda.append(Expand(loop))


def _never(spec: CallSpec, scope: FlowScope) -> bool:
    """The condition is false whatever the item is."""
    if spec.when is None or any(n.split(".")[0] == "item" for n in spec.when.names):
        return False
    try:
        text = str(spec.when.render(scope, strict_prefixes=arguments.STEP_PREFIXES))
        return not govaluate.when(text)
    except LangError:
        return False


def item_settled(run: Run, loop: LoopFrame, call: Call) -> None:
    """One item of a looped task is over; with the last one, its group is."""
    flow = loop.flow
    if not isinstance(flow, DagFrame):
        return
    loop.pending -= 1
    if loop.pending > 0:
        check_fail_fast(run, flow)
        return
    group = run.nodes[loop.group_id]
    table.finish(run, group, loops.group_phase(run, loop))
    assert loop.group is not None
    hooks.completed(run, loop.group, group)


def settled(run: Run, frame: DagFrame, call: Call) -> None:
    """A task and its hooks are over."""
    node = run.nodes[call.node_id]
    if call.timed_out:
        call.timed_out = False
    if call.hooks is not None and call.hooks.error:
        # A hook that could not be executed at all is an error of its task.
        node.phase, node.message = Phase.ERROR, call.hooks.error
        run.touch(node)
    spec = _plan(frame).tasks[call.key].spec
    items = None
    if node.type is NodeType.TASK_GROUP:
        items = [c for c in node.children or () if not run.nodes[c].hooked]
    declared = steps.declared(run, frame, spec, node)
    frame.results[call.key] = Result(node.id, items, declared=declared)
    _task_over(run, frame, call.key)


def _task_over(run: Run, frame: DagFrame, name: str) -> None:
    plan = _plan(frame)
    if frame.over or check_fail_fast(run, frame):
        return
    frame.unfinished -= 1
    for dependent in plan.dependents[name]:
        if dependent in frame.waiting:
            frame.waiting[dependent] -= 1
            if frame.waiting[dependent] == 0:
                _ready(run, frame, plan.tasks[dependent])
    if frame.unfinished == 0:
        _finish(run, frame)


def check_fail_fast(run: Run, frame: DagFrame) -> bool:
    """With the template's `failFast`, a failed child ends the DAG once nothing runs in it."""
    if frame.over or not parallelism.stopped_by_failure(frame) or frame.limit.active > 0:
        return False
    frame.over = True
    leaf.stop_daemons(run, frame.node_id)
    node = run.nodes[frame.node_id]
    settle.done(run, frame.call, node, Phase.FAILED, steps.FAIL_FAST)
    return True


def _finish(run: Run, frame: DagFrame) -> None:
    """Every task the targets need is over."""
    plan = _plan(frame)
    node = run.nodes[frame.node_id]
    frame.over = True
    leaf.stop_daemons(run, frame.node_id)
    targets = {n.id: name for name in plan.targets if (n := _node(run, frame, name)) is not None}
    phase = dagphase.assess(plan, node, targets, run.nodes)
    if run.shutdown is not Shutdown.NONE and not frame.call.on_exit:
        phase = Phase.FAILED
    try:
        _gather(run, frame)
        if phase is Phase.SUCCEEDED:
            assert frame.call.template is not None
            found = outputs.of_flow(frame.call.template.outputs, FlowScope(run, frame))
            node.outputs = found if found is not None else node.outputs
    except (CoreError, LangError) as error:
        settle.fail(run, frame.call, error.message)
        return
    node.outbound = table.outbound(run, targets)
    settle.done(run, frame.call, node, phase)


def _gather(run: Run, frame: DagFrame) -> None:
    """Results of loops that cannot be gathered are an error of the DAG, as in the reference."""
    assert frame.call.template is not None
    for name in frame.call.template.captured:
        result = frame.results.get(name)
        if result is not None and result.items is not None:
            results.lookup(run, result, "outputs.result")
