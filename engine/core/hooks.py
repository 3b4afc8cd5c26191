"""Lifecycle hooks: of steps and tasks here, of the workflow in `workflow_hooks`.

A hook fires once, when its expression holds at a change of its node; the exit hook when the node
is Completed. Whoever waits for the node waits for its hooks too. A hook's own failure changes
nothing. Semantics: Argo's `executeTmplLifeCycleHook` and `runOnExitNode`.
"""

from __future__ import annotations

from typing import Any

from engine.core import arguments, expressions, table, values
from engine.core.callspec import Argument, Arguments, CallSpec, HookSpec, compile_arguments
from engine.core.errors import CoreError
from engine.core.expressions import Site
from engine.core.frames import Flow, HookSlot, Result
from engine.core.nodes import Node
from engine.core.phases import Phase, Shutdown
from engine.core.run import Run
from engine.core.scope import FlowScope
from engine.core.work import Call, Caller, Settled, Start
from lang import tags
from lang.errors import LangError


def slot(call: Call, spec: CallSpec) -> HookSlot | None:
    """The slot for a call's hooks, if its step or task has any."""
    if not spec.hooks and spec.exit_hook is None:
        return None
    return HookSlot(call, spec.hooks, spec.exit_hook)


def item_slot(call: Call, spec: CallSpec) -> HookSlot | None:
    """The slot for an item of a looped task: the exit hook runs for each item and for the loop,
    the other hooks for the loop alone."""
    return None if spec.exit_hook is None else HookSlot(call, (), spec.exit_hook)


def observe(run: Run, call: Call, node: Node) -> None:
    """A node was made or changed phase: fire the hooks whose expression holds now."""
    slot_ = call.hooks
    if slot_ is None:
        return
    for hook in slot_.hooks:
        if hook.name in slot_.fired:
            continue
        name = f"{call.name}.hooks.{hook.name}"
        if table.existing(run, name) is not None or _holds(run, call, node, hook):
            slot_.fired.add(hook.name)
            _fire(run, call, node, hook, name)


def completed(run: Run, call: Call, node: Node) -> None:
    """The node is fulfilled: fire what is left, then report when the last hook is over."""
    slot_ = call.hooks
    if slot_ is None or _is_forgotten(call, node):
        run.agenda.append(Settled(call))
        return
    observe(run, call, node)
    exit_hook = slot_.exit_hook
    if exit_hook is not None and node.completed and "exit" not in slot_.fired:
        slot_.fired.add("exit")
        name = f"{call.name}.onExit"
        adopted = table.existing(run, name) is not None
        allowed = run.shutdown is not Shutdown.TERMINATE
        if adopted or (allowed and _exit_holds(run, call, node, exit_hook)):
            _fire(run, call, node, exit_hook, name, on_exit=True)
    slot_.done = True
    _report(run, slot_)


def _is_forgotten(call: Call, node: Node) -> bool:
    """The reference forgets the hooks of a step (not: of a task) that was skipped, or that could
    not be executed at all: its group is over then."""
    if call.caller is not Caller.STEP:
        return False
    return node.phase is Phase.SKIPPED or bool(call.error) or call.timed_out


def over(run: Run, slot_: HookSlot, call: Call) -> None:
    """One hook of the slot is over."""
    slot_.running -= 1
    slot_.error = slot_.error or call.error
    _report(run, slot_)


def _report(run: Run, slot_: HookSlot) -> None:
    if slot_.done and slot_.running == 0:
        slot_.done = False
        run.agenda.append(Settled(slot_.call))


def _exit_holds(run: Run, call: Call, node: Node, hook: HookSpec) -> bool:
    return not hook.expression or _holds(run, call, node, hook)


def _holds(run: Run, call: Call, node: Node, hook: HookSpec) -> bool:
    """Whether a hook's expression is true; one that cannot be evaluated yet is not."""
    assert call.flow is not None
    scope = _scope(run, call.flow, call, node)
    try:
        return expressions.holds(hook.expression, scope, Site.HOOK)
    except LangError:
        return False


def _scope(run: Run, flow: Flow, call: Call, node: Node) -> FlowScope:
    return FlowScope(run, flow, extra=call.item, own=(call.key, Result(node.id)))


class _OwnOutputs(FlowScope):
    """What an exit hook sees of its own step: its status and its outputs, but no result."""

    __slots__ = ("_own_name",)

    def __init__(self, run: Run, flow: Flow, call: Call, node: Node) -> None:
        super().__init__(run, flow, extra=call.item, own=(call.key, Result(node.id)))
        self._own_name = f"{self._prefix}{call.key}."

    def __getitem__(self, name: str) -> Any:
        if name.startswith(self._own_name):
            rest = name[len(self._own_name) :]
            if rest != "status" and not rest.startswith(("outputs.parameters.", "outputs.art")):
                raise KeyError(name)
        return super().__getitem__(name)


def _fire(
    run: Run, call: Call, node: Node, hook: HookSpec, name: str, *, on_exit: bool = False
) -> None:
    slot_, flow = call.hooks, call.flow
    assert slot_ is not None
    assert flow is not None
    hook_call = Call(
        name=name,
        reference=hook.reference,
        source=call.source,
        owner=slot_,
        boundary_id=call.boundary_id,
        flow=None,
        depth=call.depth,
        parents=(node.id,),
        hooked=True,
        on_exit=on_exit or call.on_exit,
    )
    slot_.running += 1
    scope = _OwnOutputs(run, flow, call, node) if on_exit else _scope(run, flow, call, node)
    given = hook.arguments or (workflow_arguments(run) if on_exit else Arguments())
    try:
        arguments.render(run, hook_call, given, scope, strict=())
    except (CoreError, LangError) as error:
        hook_call.error = error.message
    run.agenda.append(Start(hook_call))


def workflow_arguments(run: Run) -> Arguments:
    """What an exit hook without arguments of its own is given: those of the workflow."""
    block = values.mapping(run.spec.get("arguments"))
    known = tuple(
        Argument(p["name"], _literal(run.globals[f"workflow.parameters.{p['name']}"]))
        for p in block.get("parameters") or ()
        if f"workflow.parameters.{p['name']}" in run.globals
    )
    return Arguments(known, compile_arguments({"artifacts": block.get("artifacts")}).artifacts)


def _literal(text: str) -> tags.Template:
    return tags.compile(tags.Literal(text))
