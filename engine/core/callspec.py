"""Steps and tasks, compiled: the parts of a flow template that are rendered for each call.

Compiled once per template and run, then only read. Owns which part of a step or task is looked
at when; the values come from scopes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.core import values
from engine.core.values import Json
from engine.core.work import Reference
from lang import tags

_SOLE_TAG = re.compile(r"\{\{\s*([^={}\s][^{}]*?)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument parameter. `value` None: the entry has no value (and no source for one).

    `sole` is the name of the only tag its value consists of: then an absent optional means
    that the argument was not given.
    """

    name: str
    value: tags.Template | None
    sole: str = ""
    config_map: tags.Template | None = None
    default: str | None = None


@dataclass(frozen=True, slots=True)
class ArtifactArgument:
    """One argument artifact: a reference to another one, or a location of its own (`rest`)."""

    name: str
    rest: tags.Template
    reference: str = ""
    expression: str = ""
    sub_path: tags.Template | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of a step, task, hook or the workflow."""

    parameters: tuple[Argument, ...] = ()
    artifacts: tuple[ArtifactArgument, ...] = ()


@dataclass(frozen=True, slots=True)
class HookSpec:
    """A lifecycle hook. `name` is `exit` for the exit handler; `expression` may be empty there."""

    name: str
    reference: Reference
    arguments: Arguments | None
    expression: str


@dataclass(frozen=True, slots=True)
class LoopSpec:
    """What a step or task loops over: exactly one is set.

    `items` holds one template for each item; `items_text` the extension, a parameter text that
    is a JSON list.
    """

    items: tuple[tags.Template, ...] | None = None
    items_text: tags.Template | None = None
    param: tags.Template | None = None
    sequence: tags.Template | None = None


@dataclass(frozen=True, slots=True)
class CallSpec:
    """A compiled step or task."""

    name: str
    reference: Reference
    dynamic: tags.Template | None
    arguments: Arguments
    when: tags.Template | None
    loop: LoopSpec | None
    continue_failed: bool
    continue_error: bool
    hooks: tuple[HookSpec, ...]
    exit_hook: HookSpec | None
    parallelism: tags.Template | None
    raw: Mapping[str, Any]

    def continues(self, phase: str) -> bool:
        """Whether `continueOn` covers a bad end."""
        return (phase == "Failed" and self.continue_failed) or (
            phase == "Error" and self.continue_error
        )


def compile_call(raw: Mapping[str, Any]) -> CallSpec:
    """The compiled form of a step or task. Raises LangError for a tag without an end."""
    reference = reference_of(raw)
    parts = {"template": raw.get("template"), "templateRef": raw.get("templateRef")}
    dynamic = tags.compile(parts)
    continue_on = values.mapping(raw.get("continueOn"))
    hooks = [compile_hook(name, hook) for name, hook in sorted((raw.get("hooks") or {}).items())]
    exit_hook = next((hook for hook in hooks if hook.name == "exit"), None)
    if raw.get("onExit"):
        exit_hook = HookSpec("exit", Reference(template=raw["onExit"]), None, "")
    when = raw.get("when")
    parallelism = raw.get("parallelism")
    return CallSpec(
        name=str(raw.get("name") or ""),
        reference=reference,
        dynamic=None if dynamic.is_constant else dynamic,
        arguments=compile_arguments(raw.get("arguments")),
        when=tags.compile(str(when)) if when else None,
        loop=_loop(raw),
        continue_failed=bool(continue_on.get("failed")),
        continue_error=bool(continue_on.get("error")),
        hooks=tuple(hook for hook in hooks if hook.name != "exit"),
        exit_hook=exit_hook,
        parallelism=None if parallelism is None else tags.compile(values.text(parallelism)),
        raw=raw,
    )


def reference_of(raw: Mapping[str, Any]) -> Reference:
    """Which template a step, task or hook names."""
    return Reference(
        template=str(raw.get("template") or ""),
        ref=raw.get("templateRef"),
        inline=raw.get("inline"),
        caller_name=str(raw.get("name") or ""),
    )


def compile_hook(name: str, raw: Mapping[str, Any]) -> HookSpec:
    """A lifecycle hook. Empty arguments count as none."""
    arguments = compile_arguments(raw.get("arguments"))
    given = arguments if arguments.parameters or arguments.artifacts else None
    return HookSpec(name, reference_of(raw), given, str(raw.get("expression") or ""))


def compile_arguments(raw: Any) -> Arguments:
    """The arguments of a step, task, hook or workflow."""
    block = values.mapping(raw)
    return Arguments(
        tuple(_argument(p) for p in block.get("parameters") or ()),
        tuple(_artifact(a) for a in block.get("artifacts") or ()),
    )


def _artifact(raw: Json) -> ArtifactArgument:
    own = ("from", "fromExpression", "subPath")
    sub_path = raw.get("subPath")
    return ArtifactArgument(
        name=str(raw.get("name") or ""),
        rest=tags.compile({k: v for k, v in raw.items() if k not in own}),
        reference=str(raw.get("from") or ""),
        expression=str(raw.get("fromExpression") or ""),
        sub_path=tags.compile(str(sub_path)) if sub_path else None,
        optional=bool(raw.get("optional")),
    )


def _argument(raw: Json) -> Argument:
    name = str(raw.get("name") or "")
    if raw.get("value") is not None:
        value = values.text(raw["value"])
        sole = _SOLE_TAG.fullmatch(value)
        return Argument(name, tags.compile(value), sole.group(1) if sole else "")
    source = values.mapping(raw.get("valueFrom"))
    default = source.get("default", raw.get("default"))
    config_map = source.get("configMapKeyRef")
    return Argument(
        name,
        None,
        config_map=tags.compile(dict(config_map)) if config_map else None,
        default=None if default is None else values.text(default),
    )


def _loop(raw: Mapping[str, Any]) -> LoopSpec | None:
    items = raw.get("withItems")
    if isinstance(items, str) and items:
        return LoopSpec(items_text=tags.compile(items))
    if items:
        return LoopSpec(items=tuple(tags.compile(item) for item in items))
    if raw.get("withParam"):
        return LoopSpec(param=tags.compile(str(raw["withParam"])))
    if raw.get("withSequence") is not None:
        return LoopSpec(sequence=tags.compile(dict(raw["withSequence"])))
    return None
