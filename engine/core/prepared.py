"""Templates, compiled: a body with its tags found, split by when each part is rendered.

`head` is what must be known before a leaf is built (retry, locks, memo, timeouts); `body` is the
rest of a leaf; steps and DAGs have compiled calls instead. Compiled once per template and run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from engine.core import expressions
from engine.core.callspec import CallSpec, compile_call
from engine.core.dagplan import DagPlan, compile_dag
from engine.core.errors import CoreError
from engine.core.values import Json
from engine.core.work import Source
from lang import tags
from lang.errors import LangError


class TemplateType(StrEnum):
    """Kinds of template; the value is the field. The order decides when several are set."""

    CONTAINER = "container"
    CONTAINER_SET = "containerSet"
    STEPS = "steps"
    DAG = "dag"
    SCRIPT = "script"
    RESOURCE = "resource"
    DATA = "data"
    SUSPEND = "suspend"
    HTTP = "http"
    PLUGIN = "plugin"


FLOWS = frozenset({TemplateType.STEPS, TemplateType.DAG})
POD_TYPES = frozenset(
    {
        TemplateType.CONTAINER,
        TemplateType.CONTAINER_SET,
        TemplateType.SCRIPT,
        TemplateType.RESOURCE,
        TemplateType.DATA,
    }
)

_HEAD = (
    "retryStrategy",
    "synchronization",
    "memoize",
    "timeout",
    "pendingTimeout",
    "annotations",
    "parallelism",
    "failFast",
    "daemon",
)
_RESULT = re.compile(
    r"(?:tasks|steps)(?:\.([A-Za-z0-9][-A-Za-z0-9]*)|\[['\"]([^'\"]+)['\"]\])\.outputs\.result"
)


@dataclass(slots=True)
class Prepared:
    """A compiled template. `source` is where the names inside it resolve."""

    name: str
    raw: Json
    type: TemplateType
    source: Source
    head: tags.Template
    inputs: Json
    outputs: Json
    body: tags.Template | None = None
    groups: tuple[tuple[CallSpec, ...], ...] = ()
    plan: DagPlan | None = None
    captured: frozenset[str] = frozenset()
    """Steps or tasks whose standard output somebody in this flow asks for."""
    problem: str = ""
    """Why it can never run: an expression that does not parse."""
    fixed_head: Json | None = field(default=None)
    """The rendered head where it holds no tags."""

    @property
    def is_pod(self) -> bool:
        return self.type in POD_TYPES


def type_of(raw: Mapping[str, Any]) -> TemplateType:
    """The type of a template. Raises CoreError when it has none."""
    for kind in TemplateType:
        if raw.get(kind.value) is not None:
            return kind
    raise CoreError(f"template '{raw.get('name', '')}' type is unknown")


def prepare(raw: Json, source: Source) -> Prepared:
    """Compile a template (defaults already merged in). Raises CoreError or LangError."""
    kind = type_of(raw)
    head = {key: raw[key] for key in _HEAD if key in raw}
    compiled = tags.compile(head)
    template = Prepared(
        name=str(raw.get("name") or ""),
        raw=raw,
        type=kind,
        source=source,
        head=compiled,
        inputs=raw.get("inputs") or {},
        outputs=raw.get("outputs") or {},
        fixed_head=head if compiled.is_constant else None,
    )
    if kind in FLOWS:
        _prepare_flow(template)
    else:
        body = {k: v for k, v in raw.items() if k not in ("inputs", "name", "metrics")}
        template.body = tags.compile(body)
    return template


def _prepare_flow(template: Prepared) -> None:
    raw = template.raw
    template.captured = frozenset(
        found[0] or found[1] for text in _strings(raw) for found in _RESULT.findall(text)
    )
    template.problem = _problem({k: v for k, v in raw.items() if k != "metrics"})
    if template.problem:
        return
    if template.type is TemplateType.DAG:
        template.plan = compile_dag(raw["dag"])
        return
    template.groups = tuple(
        tuple(compile_call(step) for step in group) for group in raw["steps"] or ()
    )


def _problem(tree: Json) -> str:
    """The first expression of a flow that does not parse, as the reference reports it."""
    for source in tags.compile(tree).expressions:
        try:
            expressions.check(source)
        except LangError as error:
            return f"failed to evaluate expression: {error.message}"
    return ""


def _strings(tree: Any) -> Iterator[str]:
    stack = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, Mapping):
            stack.extend(node.values())
        elif isinstance(node, list | tuple):
            stack.extend(node)
