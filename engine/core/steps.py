"""Steps templates: groups one after the other, the steps of a group at once.

Semantics: Argo's `executeSteps`. The graph: the flow's node → its first StepGroup → the group's
steps; a later group hangs on every node where the group before it ends.
"""

from __future__ import annotations

from engine.core import (
    arguments,
    hooks,
    leaf,
    loops,
    memo,
    outputs,
    parallelism,
    results,
    settle,
    table,
    templates,
    values,
)
from engine.core.callspec import CallSpec
from engine.core.errors import CoreError
from engine.core.frames import DagFrame, LoopFrame, Result, StepsFrame
from engine.core.nodes import Node
from engine.core.phases import BAD, FULFILLED, NodeType, Phase
from engine.core.run import Run
from engine.core.scope import FlowScope
from engine.core.work import Call, Enter, Expand, Start, Work
from lang import govaluate
from lang.errors import LangError
from lang.items import Item

FAIL_FAST = "template has failed or errored children and failFast enabled"


def begin(run: Run, call: Call) -> None:
    """Make the node and enter its first group."""
    node = table.create(run, call, NodeType.STEPS, Phase.RUNNING)
    if node.phase is Phase.PENDING:
        node.waiting_lock = ""
        table.move(run, node, Phase.RUNNING)
    _remember_memo(call, node)
    frame = StepsFrame(call, node.id)
    frame.limit.active = run.adopted_children.pop(node.id, 0)
    settle.track(run, call, node)
    hooks.observe(run, call, node)
    try:
        limit = call.head.get("parallelism")
        if limit is not None:
            frame.limit.ceiling = values.integer(limit, "parallelism")
    except CoreError as error:
        settle.fail(run, call, error.message)
        return
    run.agenda.append(Enter(frame))


def _remember_memo(call: Call, node: Node) -> None:
    block = memo.wanted(call)
    if block is not None and node.memoization is None:
        node.memoization = memo.status(block, hit=False)


def enter(run: Run, frame: StepsFrame) -> None:
    """Begin the next group, or end the flow after the last one."""
    assert frame.call.template is not None
    if frame.over:
        return
    groups = frame.call.template.groups
    frame.index += 1
    if frame.index >= len(groups):
        _succeed(run, frame)
        return
    group = _group(run, frame)
    if group.phase in FULFILLED and not group.completed:
        group.phase = Phase.RUNNING
    frame.pending = 0
    begun: list[Work] = []
    try:
        begun.extend([_step(run, frame, spec) for spec in groups[frame.index]])
    except (CoreError, LangError) as error:
        # Nothing of the group has begun: its references are looked at before anything runs.
        frame.pending = 0
        frame.members.clear()
        frame.error = error.message
        begun = []
    run.agenda.extend(begun)
    _check(run, frame)


def _group(run: Run, frame: StepsFrame) -> Node:
    parent = run.nodes[frame.node_id]
    call = Call(
        name=f"{parent.name}[{frame.index}]",
        reference=frame.call.reference,
        source=loops.flow_source(frame),
        owner=frame,
        boundary_id=frame.node_id,
        parents=_ends_before(run, frame),
    )
    group = table.create(run, call, NodeType.STEP_GROUP, Phase.RUNNING)
    group.template_name, group.template_ref = "", None
    frame.group_id = group.id
    return group


def _ends_before(run: Run, frame: StepsFrame) -> list[str]:
    """What the next group hangs on."""
    if frame.index == 0:
        return [frame.node_id]
    before = run.nodes[frame.group_id]
    if not before.children:
        return [before.id]
    return table.outbound(run, before.children)


def _step(run: Run, frame: StepsFrame, spec: CallSpec) -> Work:
    """What begins one step of the current group. Raises CoreError or LangError."""
    group = run.nodes[frame.group_id]
    name = f"{group.name}.{spec.name}"
    scope = FlowScope(run, frame)
    call = _call(run, frame, spec, name)
    frame.pending += 1
    if spec.loop is not None:
        return _loop(run, frame, spec, scope, call)
    known = table.existing(run, name)
    if known is not None and known.phase in FULFILLED:
        return Start(call)
    try:
        if spec.when is not None:
            text = str(spec.when.render(scope, strict_prefixes=arguments.STEP_PREFIXES))
            if not govaluate.when(text):
                call.skip = f"when '{text}' evaluated false"
                return Start(call)
        call.reference = loops.reference(run, spec, scope)
        arguments.render(run, call, spec.arguments, scope)
    except (CoreError, LangError) as error:
        raise CoreError(f"failed to resolve references: {error.message}") from None
    return Start(call)


def _call(run: Run, frame: StepsFrame, spec: CallSpec, name: str) -> Call:
    call = Call(
        name=name,
        reference=spec.reference,
        source=loops.flow_source(frame),
        owner=frame,
        boundary_id=frame.node_id,
        flow=frame,
        depth=frame.call.depth + 1,
        label=spec.name,
        key=spec.name,
        parents=(frame.group_id,),
        outer=FlowScope(run, frame),
        on_exit=frame.call.on_exit,
    )
    call.hooks = hooks.slot(call, spec)
    return call


def _loop(run: Run, frame: StepsFrame, spec: CallSpec, scope: FlowScope, call: Call) -> Work:
    """Begin a looped step: its items hang on the group, there is no node in between."""
    try:
        members = _members(spec, scope)
    except (CoreError, LangError) as error:
        raise CoreError(error.message) from None
    if not members:
        call.skip = "Skipped, empty params"
        return Start(call)
    if not _never(spec, scope):
        _references(spec, members[0], run, frame)
        loops.check(spec, members, scope)
    frame.pending += len(members) - 1
    loop = LoopFrame(frame, spec, call.name, members, parent_id=frame.group_id)
    loop.pending = len(members)
    loop.node_ids = [""] * len(members)
    frame.members[spec.name] = loop
    return Expand(loop)


def _references(spec: CallSpec, member: Item, run: Run, frame: StepsFrame) -> None:
    """Render the first item's arguments: what no item can change is wrong for all of them."""
    scope = FlowScope(run, frame, extra=member.variables())
    try:
        if spec.when is not None:
            govaluate.when(str(spec.when.render(scope, strict_prefixes=arguments.STEP_PREFIXES)))
        for argument in spec.arguments.parameters:
            if argument.value is not None and not argument.sole:
                argument.value.render(scope)
    except LangError as error:
        raise CoreError(f"failed to resolve references: {error.message}") from None


def _members(spec: CallSpec, scope: FlowScope) -> list[Item]:
    try:
        return loops.items_of(spec, scope)
    except LangError:
        if _never(spec, scope):
            return []
        raise


def _never(spec: CallSpec, scope: FlowScope) -> bool:
    """The condition is false whatever the item is."""
    if spec.when is None or any(n.split(".")[0] == "item" for n in spec.when.names):
        return False
    try:
        text = str(spec.when.render(scope, strict_prefixes=arguments.STEP_PREFIXES))
        return not govaluate.when(text)
    except LangError:
        return False


def settled(run: Run, frame: StepsFrame, call: Call) -> None:
    """A step (or an item of one) and its hooks are over."""
    frame.pending -= 1
    if call.timed_out:
        frame.error, frame.timed_out = "timeout", True
    elif call.error:
        text = f"step group deemed errored due to child {call.name} error: {call.error}"
        frame.error = frame.error or text
    elif call.hooks is not None and call.hooks.error:
        frame.error = frame.error or call.hooks.error
    if frame.error:
        parallelism.wake_all(run, frame.limit)
    _check(run, frame)


def check_fail_fast(run: Run, frame: StepsFrame) -> bool:
    """With the template's `failFast`, a failed child ends the flow once nothing runs in it."""
    if not parallelism.stopped_by_failure(frame) or frame.limit.active > 0:
        return False
    group = run.nodes[frame.group_id]
    table.finish(run, group, Phase.FAILED, FAIL_FAST)
    _over(run, frame, Phase.FAILED, FAIL_FAST, outbound=False)
    return True


def _check(run: Run, frame: StepsFrame) -> None:
    """Is the group over?"""
    if frame.over or check_fail_fast(run, frame):
        return
    if frame.pending > 0:
        return
    if frame.error:
        group = run.nodes[frame.group_id]
        phase = Phase.FAILED if frame.timed_out else Phase.ERROR
        table.finish(run, group, phase, frame.error)
        _over(run, frame, Phase.FAILED, frame.error)
        return
    group = run.nodes[frame.group_id]
    bad = _first_bad(run, frame, group)
    if bad is not None:
        message = f"child '{bad.id}' failed"
        table.finish(run, group, Phase.FAILED, message)
        _over(run, frame, Phase.FAILED, message)
        return
    table.finish(run, group, Phase.SUCCEEDED)
    try:
        _offer(run, frame)
    except LangError as error:
        settle.fail(run, frame.call, error.message)
        return
    run.agenda.append(Enter(frame))


def _first_bad(run: Run, frame: StepsFrame, group: Node) -> Node | None:
    """The first bad node of the group, in its order, that `continueOn` does not cover."""
    for name, spec in _in_order(run, frame):
        node = table.existing(run, name)
        if node is not None and node.phase in BAD and not spec.continues(node.phase.value):
            return node
    return None


def _in_order(run: Run, frame: StepsFrame) -> list[tuple[str, CallSpec]]:
    assert frame.call.template is not None
    found: list[tuple[str, CallSpec]] = []
    group = run.nodes[frame.group_id]
    for spec in frame.call.template.groups[frame.index]:
        loop = frame.members.get(spec.name)
        if loop is None:
            found.append((f"{group.name}.{spec.name}", spec))
        else:
            ids = [node_id for node_id in loop.node_ids if node_id in run.nodes]
            found.extend((run.nodes[node_id].name, spec) for node_id in ids)
    return found


def _offer(run: Run, frame: StepsFrame) -> None:
    """Make the group's results visible to the groups after it."""
    assert frame.call.template is not None
    group = run.nodes[frame.group_id]
    for spec in frame.call.template.groups[frame.index]:
        loop = frame.members.pop(spec.name, None)
        if loop is not None:
            result = Result(group.id, items=loop.node_ids)
            frame.results[spec.name] = result
            _aggregate(run, frame, spec, result)
            continue
        node = table.existing(run, f"{group.name}.{spec.name}")
        if node is None:
            continue
        frame.results[spec.name] = Result(node.id, declared=declared(run, frame, spec, node))


def _aggregate(run: Run, frame: StepsFrame, spec: CallSpec, result: Result) -> None:
    """Results of a loop that cannot be gathered are an error at once, as in the reference."""
    assert frame.call.template is not None
    if spec.name in frame.call.template.captured:
        results.lookup(run, result, "outputs.result")


def declared(
    run: Run, frame: StepsFrame | DagFrame, spec: CallSpec, node: Node
) -> dict[str, object] | None:
    """The outputs that a skipped step's template declares."""
    if node.phase not in (Phase.SKIPPED, Phase.OMITTED):
        return None
    try:
        return templates.resolve(run, loops.flow_source(frame), spec.reference).outputs
    except (CoreError, LangError):
        return None


def _succeed(run: Run, frame: StepsFrame) -> None:
    assert frame.call.template is not None
    node = run.nodes[frame.node_id]
    _set_outbound(run, frame)
    try:
        found = outputs.of_flow(frame.call.template.outputs, FlowScope(run, frame))
    except (CoreError, LangError) as error:
        frame.over = True
        leaf.stop_daemons(run, frame.node_id)
        settle.fail(run, frame.call, error.message)
        return
    node.outputs = found if found is not None else node.outputs
    _over(run, frame, Phase.SUCCEEDED, "")


def _set_outbound(run: Run, frame: StepsFrame) -> None:
    node = run.nodes[frame.node_id]
    group = run.nodes.get(frame.group_id)
    if group is not None and group.children:
        node.outbound = table.outbound(run, group.children)


def _over(
    run: Run, frame: StepsFrame, phase: Phase, message: str, *, outbound: bool = True
) -> None:
    frame.over = True
    if outbound:
        _set_outbound(run, frame)
    leaf.stop_daemons(run, frame.node_id)
    frame.call.timed_out = False
    settle.done(run, frame.call, run.nodes[frame.node_id], phase, message)
