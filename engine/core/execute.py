"""Beginning a call: resolve its template, bind its inputs, pass the gates in order.

The order is Argo's: depth → template → inputs → (already over) → parallelism → locks → memo →
retry → the template's own type. A gate that does not open parks the call; whatever opens it puts
a `Proceed` on the agenda.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Mapping
from typing import Any

from engine.core import binding, hooks, locks, memo, parallelism, settle, table, templates, values
from engine.core.errors import CoreError, TooDeep
from engine.core.nodes import Node
from engine.core.phases import FULFILLED, NodeType, Phase, Shutdown
from engine.core.prepared import Prepared, TemplateType
from engine.core.run import Run
from engine.core.work import Call, Proceed, Settled
from lang import naming
from lang.errors import LangError

TYPES = {
    TemplateType.STEPS: NodeType.STEPS,
    TemplateType.DAG: NodeType.DAG,
    TemplateType.SUSPEND: NodeType.SUSPEND,
    TemplateType.HTTP: NodeType.HTTP,
    TemplateType.PLUGIN: NodeType.PLUGIN,
}
_DISPLAY_NAME = "workflows.argoproj.io/display-name"
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9-.]{0,61}[a-zA-Z0-9]")
_TOO_DEEP = (
    "Maximum recursion depth exceeded. See "
    "https://argoproj.github.io/argo-workflows/scaling/#maximum-recursion-depth"
)


def node_type(template: Prepared) -> NodeType:
    """The type of the node that runs a template."""
    return TYPES.get(template.type, NodeType.POD)


def start(run: Run, call: Call) -> bool:
    """Resolve and bind, then `proceed`. True: the caller dispatches it by type now."""
    call.node_id = table.identify(run, call.name)
    node = run.nodes.get(call.node_id)
    if node is not None and node.phase in FULFILLED:
        adopt(run, call, node)
        return False
    if dropped(run, call):
        return False
    if call.error:
        settle.fail(run, call, call.error)
        return False
    if call.skip:
        skip(run, call, call.skip, Phase.SKIPPED)
        return False
    try:
        _prepare(run, call)
    except TooDeep as error:
        skip(run, call, error.message, Phase.ERROR)
        return False
    except (CoreError, LangError) as error:
        settle.fail(run, call, error.message)
        return False
    if node is not None and node.inputs is not None:
        # A row adopted from a status keeps the inputs it was started with.
        call.inputs = node.inputs
    return proceed(run, call)


def dropped(run: Run, call: Call) -> bool:
    """The flow of the call is over or in error: nothing new starts in it."""
    flow = call.flow
    if flow is None or not (flow.over or flow.error) or call.node_id in run.nodes:
        return False
    if not flow.over:
        run.agenda.append(Settled(call))
    return True


def adopt(run: Run, call: Call, node: Node) -> None:
    """The node was over before (recovery, retry): only what comes after it happens."""
    for parent_id in call.parents:
        table.add_child(run, parent_id, node.id)
    call.node_id = node.id
    if call.flow is not None and node.phase in (Phase.FAILED, Phase.ERROR) and not call.retried:
        call.flow.bad += 1
    hooks.completed(run, call, node)


def skip(run: Run, call: Call, message: str, phase: Phase) -> Node:
    """The call does not run: a Skipped node says why."""
    node = table.create(run, call, NodeType.SKIPPED, phase, message)
    call.node_id = node.id
    settle.settle(run, call, node)
    return node


def _prepare(run: Run, call: Call) -> None:
    if call.depth + 1 >= run.config.max_recursion:
        raise TooDeep(_TOO_DEEP)
    template = templates.resolve(run, call.source, call.reference)
    call.template = template
    binding.bind(run, call, _locals(run, call, template))
    if template.problem:
        raise CoreError(template.problem)
    head = template.fixed_head
    if head is None:
        head = template.head.render(scope(run, call), allow_unresolved=True)
    call.head = head
    call.display_name = _display_name(head)


def _display_name(head: Mapping[str, Any]) -> str:
    """The name that the template's annotation gives to its nodes; empty for none."""
    name = str(values.mapping(head.get("annotations")).get(_DISPLAY_NAME) or "")
    if name and not _NAME.fullmatch(name):
        raise CoreError(f"displayName must match the regex ^{_NAME.pattern}$")
    return name


def _locals(run: Run, call: Call, template: Prepared) -> dict[str, Any]:
    found = {"node.name": call.name, f"{call.caller.value}.name": call.label}
    if template.is_pod and "retryStrategy" not in template.raw:
        name = call.reference.ref.get("template") if call.reference.ref else call.reference.template
        found["pod.name"] = naming.pod_name(
            run.name, call.name, str(name or ""), version=run.pod_name_version
        )
    return found


def scope(run: Run, call: Call, extra: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    """The variables inside a call's template: its own, then (inline) its caller's, then globals."""
    if call.outer is not None and call.reference.inline is not None:
        return ChainMap(dict(extra or {}), call.variables, call.outer)  # type: ignore[arg-type]
    merged = {**run.globals, **call.variables}
    for artifact in (call.inputs or {}).get("artifacts") or ():
        # An artifact itself is no text: only its path can stand in one.
        merged.pop(f"inputs.artifacts.{artifact['name']}", None)
    if extra:
        merged.update(extra)
    return merged


def proceed(run: Run, call: Call) -> bool:
    """Pass the remaining gates. True: the caller dispatches the call by type now."""
    assert call.template is not None
    if dropped(run, call):
        return False
    full = parallelism.blocked_by(run, call.flow, call.key)
    if full is not None and call.node_id not in run.nodes:
        parallelism.park(run, full, Proceed(call))
        return False
    wanted = locks.requests(run, call.head.get("synchronization"))
    if wanted and not call.granted and not call.retried:
        if not call.holder:
            locks.ask_for_call(run, call, wanted)
        return False
    block = memo.wanted(call)
    if block is not None and not call.remembered and not _begun(run, call):
        try:
            memo.ask(run, call, block)
        except CoreError as error:
            settle.fail(run, call, error.message)
        return False
    return True


def _begun(run: Run, call: Call) -> bool:
    node = run.nodes.get(call.node_id)
    return node is not None and not node.waiting_lock


def remembered(run: Run, call: Call, entry: Mapping[str, Any] | None) -> bool:
    """The memo cache answered. True: a miss, and the call goes on."""
    call.remembered = True
    block = memo.wanted(call)
    assert block is not None
    if not memo.is_hit(entry):
        return True
    assert entry is not None
    assert call.template is not None
    kind = NodeType.RETRY if call.head.get("retryStrategy") else node_type(call.template)
    node = table.create(run, call, kind, Phase.PENDING)
    node.memoization = memo.status(block, hit=True)
    node.outputs = dict(entry["outputs"]) if entry.get("outputs") else None
    settle.done(run, call, node, Phase.SUCCEEDED)
    return False


def forbidden(run: Run, call: Call) -> bool:
    """A shutdown keeps this call's work from starting."""
    match run.shutdown:
        case Shutdown.NONE:
            return False
        case Shutdown.STOP:
            return not call.on_exit
        case Shutdown.TERMINATE:
            return True
