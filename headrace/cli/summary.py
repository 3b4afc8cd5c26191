"""What `get`, `submit` and the live views print of a workflow, laid out as `argo get` does."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from crds import hydration
from headrace.cli import times, tree
from lang import naming

TERMINAL = {"Succeeded", "Failed", "Error"}


def phase_of(workflow: dict[str, Any]) -> str:
    """The phase, `Pending` before the engine has seen the workflow."""
    return (workflow.get("status") or {}).get("phase") or "Pending"


def finished(workflow: dict[str, Any]) -> bool:
    """Whether nothing more will happen to it."""
    return phase_of(workflow) in TERMINAL


def render(workflow: dict[str, Any], *, wide: bool = False) -> RenderableType:
    """The whole view: the head, the parameters and the tree of nodes."""
    now = time.time()
    parts: list[RenderableType] = [_head(workflow, now)]
    nodes = hydration.nodes_of(workflow)
    if nodes:
        parts += ["", _nodes(workflow, nodes, now, wide=wide)]
    return Group(*parts)


def show(console: Console, workflow: dict[str, Any], *, wide: bool = False) -> None:
    """Print the view."""
    console.print(render(workflow, wide=wide))


def _head(workflow: dict[str, Any], now: float) -> Table:
    meta, status = workflow["metadata"], workflow.get("status") or {}
    spec = status.get("storedWorkflowTemplateSpec") or workflow.get("spec") or {}
    phase = phase_of(workflow)
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(min_width=18)
    grid.add_column()

    def row(key: str, value: str | Text) -> None:
        if value:
            grid.add_row(f"{key}:" if not key.startswith(" ") else key, value)

    row("Name", Text(meta.get("name", "")))
    row("Namespace", Text(meta.get("namespace", "")))
    row("ServiceAccount", Text(spec.get("serviceAccountName") or "unset (default)"))
    row("Status", Text(phase, style=tree.COLOURS.get(phase, "")))
    row("Message", Text(status.get("message", "")))
    if status.get("conditions"):
        grid.add_row("Conditions:", "")
        for condition in status["conditions"]:
            grid.add_row(
                f" {condition['type']}", Text(condition.get("message") or condition["status"])
            )
    row("Created", times.local(meta.get("creationTimestamp"), now))
    row("Started", times.local(status.get("startedAt"), now))
    row("Finished", times.local(status.get("finishedAt"), now))
    started = times.parse(status.get("startedAt"))
    if started is not None:
        ended = times.parse(status.get("finishedAt")) or now
        row("Duration", times.long(ended - started))
    row("Progress", status.get("progress", ""))
    _parameters(grid, workflow, spec)
    return grid


def _parameters(grid: Table, workflow: dict[str, Any], spec: dict[str, Any]) -> None:
    own = ((workflow.get("spec") or {}).get("arguments") or {}).get("parameters") or []
    merged = {p["name"]: p for p in (spec.get("arguments") or {}).get("parameters") or []}
    merged.update({p["name"]: p for p in own})
    if merged:
        grid.add_row("Parameters:", "")
        for name, parameter in merged.items():
            grid.add_row(f"  {name}:", Text(_one_line(parameter.get("value", ""))))
    outputs = ((workflow.get("status") or {}).get("outputs") or {}).get("parameters") or []
    if outputs:
        grid.add_row("Output Parameters:", "")
        for parameter in outputs:
            grid.add_row(f"  {parameter['name']}:", Text(_one_line(parameter.get("value", ""))))


def _one_line(value: Any, most: int = 120) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _nodes(workflow: dict[str, Any], nodes: dict[str, Any], now: float, *, wide: bool) -> Table:
    name = workflow["metadata"]["name"]
    table = Table(box=None, pad_edge=False, header_style="")
    columns = ["STEP", "TEMPLATE", "PODNAME", "DURATION", "MESSAGE"]
    for column in [*columns, "NODENAME"] if wide else columns:
        table.add_column(column, no_wrap=column != "MESSAGE", overflow="fold")
    for row in tree.Tree(name, nodes).rows():
        node = row.node
        step = Text(f" {row.branch}" if row.branch else " ")
        step.append(row.icon, style=tree.COLOURS.get(node.get("phase", ""), ""))
        step.append(f" {node.get('displayName', node['name'])}")
        cells: list[RenderableType] = [
            step,
            Text(template_of(node)),
            Text(pod_of(name, node)),
            tree.duration(node, now) if node.get("type") in {"Pod", "HTTP", "Plugin"} else "",
            Text(_one_line(node.get("message", ""))),
        ]
        table.add_row(*cells, *([Text(node.get("hostNodeName", ""))] if wide else []))
    return table


def template_of(node: dict[str, Any]) -> str:
    """The node's template as written: a name, or `library/name`."""
    reference = node.get("templateRef")
    if reference:
        return f"{reference.get('name', '')}/{reference.get('template', '')}"
    return str(node.get("templateName", ""))


def pod_of(workflow_name: str, node: dict[str, Any]) -> str:
    """The name of the node's pod, empty for nodes that have none."""
    if node.get("type") != "Pod":
        return ""
    template = (node.get("templateRef") or {}).get("template") or node.get("templateName", "")
    return naming.pod_name(workflow_name, node["name"], template)
