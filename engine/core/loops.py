"""Loops: the items of a step or task, started one after the other as places allow.

Items are checked all together before the first one starts (an unknown tag fails the whole loop);
their arguments are rendered one by one, so a huge loop costs no more memory than what runs.
Semantics: Argo's `expandStep`/`expandTask`; `withItems` given as a text is an extension.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.core import arguments, hooks, parallelism, table, values
from engine.core.callspec import CallSpec
from engine.core.errors import CoreError
from engine.core.frames import DagFrame, LoopFrame, StepsFrame
from engine.core.phases import Phase, Shutdown
from engine.core.run import Run
from engine.core.scope import FlowScope
from engine.core.work import Call, Caller, Expand, Reference, Settled, Source, Start
from lang import gojson, govaluate, items, sequence, tags
from lang.errors import LangError
from lang.items import Item


def items_of(spec: CallSpec, scope: Mapping[str, Any]) -> list[Item]:
    """The items of a loop. Raises CoreError or LangError."""
    loop = spec.loop
    assert loop is not None
    if loop.items is not None:
        return [items.of(_rendered(template, scope)) for template in loop.items]
    if loop.items_text is not None:
        return items.parse_list(str(loop.items_text.render(scope)))
    if loop.param is not None:
        return items.parse_list(str(loop.param.render(scope)))
    assert loop.sequence is not None
    return [items.of(text) for text in sequence.expand(loop.sequence.render(scope))]


def _rendered(template: tags.Template, scope: Mapping[str, Any]) -> Any:
    """One item with its tags replaced; numbers keep their own text (`1.0`)."""
    value = template.render(scope, allow_unresolved=True)
    return value if isinstance(value, str) else gojson.parse(gojson.dumps(value, sort_keys=True))


def check(spec: CallSpec, members: list[Item], scope: FlowScope) -> None:
    """Look for names that cannot be resolved in any item. Raises LangError."""
    wanted = set()
    for argument in spec.arguments.parameters:
        if argument.value is not None:
            wanted |= {name for name in argument.value.names if name.startswith("item.")}
    if not wanted:
        return
    for member in members:
        known = member.variables()
        for name in sorted(wanted):
            if name not in known and "{" not in name and not _is_member(name, known):
                raise CoreError(f"failed to resolve {{{{{name}}}}}")


def _is_member(name: str, known: Mapping[str, str]) -> bool:
    parts = name.split(".")
    return any(".".join(parts[:n]) in known for n in range(2, len(parts)))


def expand(run: Run, loop: LoopFrame) -> None:
    """Start the next item, and put the loop back on the agenda for the one after it."""
    if loop.cursor >= len(loop.items) or loop.flow.over:
        return
    if (loop.flow.error or forbidden(run, loop)) and not is_known(run, loop):
        _drop_rest(run, loop)
        return
    full = parallelism.blocked_by(run, loop.flow, loop.spec.name)
    if full is not None and not is_known(run, loop):
        parallelism.park(run, full, Expand(loop))
        return
    index = loop.cursor
    loop.cursor += 1
    call = _call(run, loop, index)
    loop.node_ids[index] = table.identify(run, call.name)
    run.agenda.append(Start(call))
    if loop.cursor < len(loop.items):
        run.agenda.append(Expand(loop))


def forbidden(run: Run, loop: LoopFrame) -> bool:
    """A shutdown keeps further items from starting."""
    if run.shutdown is Shutdown.STOP:
        return not loop.flow.call.on_exit
    return run.shutdown is Shutdown.TERMINATE


def _drop_rest(run: Run, loop: LoopFrame) -> None:
    """Items that were not begun never will be."""
    rest = len(loop.items) - loop.cursor
    loop.cursor = len(loop.items)
    for _ in range(rest):
        run.agenda.append(Settled(_nobody(loop)))


def _nobody(loop: LoopFrame) -> Call:
    return Call("", loop.spec.reference, flow_source(loop.flow), loop, key=loop.spec.name)


def is_known(run: Run, loop: LoopFrame) -> bool:
    """The next item has a row already (it was adopted): no place is needed for it."""
    name = items.node_name(loop.name, loop.cursor, loop.items[loop.cursor])
    return table.existing(run, name) is not None


def _call(run: Run, loop: LoopFrame, index: int) -> Call:
    spec, flow = loop.spec, loop.flow
    member = loop.items[index]
    name = items.node_name(loop.name, index, member)
    in_dag = isinstance(flow, DagFrame)
    variables = member.variables()
    scope = FlowScope(run, flow, extra=variables, only=loop.only)
    call = Call(
        name=name,
        reference=spec.reference,
        source=flow_source(flow),
        owner=loop,
        boundary_id=flow.node_id,
        flow=flow,
        depth=flow.call.depth + 1,
        caller=Caller.TASK if in_dag else Caller.STEP,
        label=items.node_name(spec.name, index, member),
        key=spec.name,
        parents=(loop.group_id or loop.parent_id,),
        outer=scope,
        on_exit=flow.call.on_exit,
    )
    call.hooks = hooks.item_slot(call, spec) if in_dag else hooks.slot(call, spec)
    call.index = index
    call.item = variables
    if table.existing(run, name) is not None and run.nodes[table.identify(run, name)].fulfilled:
        return call
    try:
        if spec.when is not None:
            text = str(spec.when.render(scope, strict_prefixes=arguments.STEP_PREFIXES))
            if not govaluate.when(text):
                call.skip = f"when '{text}' evaluated false"
                return call
        if spec.dynamic is not None:
            call.reference = _dynamic(spec, spec.dynamic.render(scope))
        arguments.render(run, call, spec.arguments, scope, strict=None)
    except (CoreError, LangError) as error:
        call.error = error.message
    return call


def _dynamic(spec: CallSpec, parts: Mapping[str, Any]) -> Reference:
    return Reference(str(parts.get("template") or ""), parts.get("templateRef"), None, spec.name)


def reference(run: Run, spec: CallSpec, scope: Mapping[str, Any]) -> Reference:
    """The template a step or task names, with tags in the name replaced."""
    if spec.dynamic is None:
        return spec.reference
    parts = spec.dynamic.render(scope, strict_prefixes=arguments.STEP_PREFIXES)
    return _dynamic(spec, parts)


def flow_source(flow: StepsFrame | DagFrame) -> Source:
    """Where the names inside a flow's template resolve."""
    assert flow.call.template is not None
    return flow.call.template.source


def group_phase(run: Run, loop: LoopFrame) -> Phase:
    """The phase of a TaskGroup: Succeeded, or that of its last bad member."""
    for node_id in reversed(loop.node_ids):
        node = run.nodes.get(node_id)
        if node is not None and node.phase in (Phase.FAILED, Phase.ERROR):
            return node.phase
    return Phase.SUCCEEDED


def ceiling(spec: CallSpec, scope: Mapping[str, Any]) -> int | None:
    """`parallelism` of a single task (an extension), or None."""
    if spec.parallelism is None:
        return None
    text = spec.parallelism.render(scope, strict_prefixes=arguments.STEP_PREFIXES)
    return values.integer(text, f"{spec.name}.parallelism")
