"""Rendering the arguments of a step, task or hook in the scope of its caller.

Parameters become texts (None for an absent optional), artifacts become located objects. Nothing
that is put in is looked at again.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

from engine.core import binding, expressions
from engine.core.callspec import Argument, Arguments, ArtifactArgument
from engine.core.errors import CoreError, ReferenceMissing
from engine.core.expressions import Site
from engine.core.run import Run
from engine.core.values import Json
from engine.core.work import Call
from lang import tag_text, tags
from lang.errors import LangError

STEP_PREFIXES = ("steps", "tasks")
_KEYED = {"s3": "key", "gcs": "key", "oss": "key", "azure": "blob", "hdfs": "path", "plugin": "key"}


def render(
    run: Run,
    call: Call,
    given: Arguments,
    scope: Mapping[str, Any],
    *,
    strict: tuple[str, ...] | None = STEP_PREFIXES,
) -> None:
    """Fill `call.parameters` and `call.artifacts`. Raises CoreError or LangError.

    `strict`: prefixes that must resolve (others stay as text); None: everything must.
    """
    erased = []
    for argument in given.parameters:
        if argument.value is None and argument.config_map is None and argument.default is None:
            erased.append(argument.name)
        else:
            call.parameters[argument.name] = _parameter(run, argument, scope, strict)
    call.erased = frozenset(erased)
    for artifact in given.artifacts:
        located = _artifact(artifact, scope, strict)
        if located is not None:
            call.artifacts.append(located)


def _parameter(
    run: Run, argument: Argument, scope: Mapping[str, Any], strict: tuple[str, ...] | None
) -> str | None:
    if argument.value is None:
        if argument.config_map is None:
            return argument.default
        source = {
            "configMapKeyRef": argument.config_map.render(scope, strict_prefixes=strict),
            "default": argument.default,
        }
        return binding.config_map_input(run, source, f"inputs.parameters.{argument.name}")
    if argument.sole and argument.sole in scope and scope[argument.sole] is None:
        return None
    return str(argument.value.render(scope, strict_prefixes=strict))


def _artifact(
    argument: ArtifactArgument, scope: Mapping[str, Any], strict: tuple[str, ...] | None
) -> Json | None:
    """The located artifact; None drops it. An artifact of a skipped producer has no location."""
    rest: Json = argument.rest.render(scope, strict_prefixes=strict)
    if not argument.reference and not argument.expression:
        return rest
    try:
        found = _referred(argument, scope)
    except LangError as error:
        if argument.optional or is_skipped(argument.reference, scope):
            return {"name": argument.name} if is_skipped(argument.reference, scope) else None
        raise ReferenceMissing(error.message) from None
    located = {k: v for k, v in found.items() if k not in ("path", "optional", "globalName")}
    located["name"] = argument.name
    if argument.optional:
        located["optional"] = True
    if argument.sub_path is not None:
        add_sub_path(located, str(argument.sub_path.render(scope, strict_prefixes=strict)))
    return located


def _referred(argument: ArtifactArgument, scope: Mapping[str, Any]) -> Json:
    if argument.reference:
        reference = argument.reference
        if reference.count("{{") > 1:
            inner = reference.removeprefix("{{").removesuffix("}}")
            reference = str(tags.compile(inner).render(scope))
        _, value = tag_text.resolve_value(reference, scope)
    else:
        value = expressions.evaluate(argument.expression, scope, Site.ARTIFACT)
    if not isinstance(value, Mapping):
        source = argument.reference or argument.expression
        raise CoreError(f"Unable to resolve: {source!r} is no artifact")
    return dict(value)


def is_skipped(reference: str, scope: Mapping[str, Any]) -> bool:
    """Whether a reference names a skipped step. Of a skipped task there is no artifact at all."""
    parts = reference.strip("{} ").split(".")
    if len(parts) < 3 or parts[0] != "steps":
        return False
    return scope.get(f"{parts[0]}.{parts[1]}.status") in ("Skipped", "Omitted")


def add_sub_path(artifact: Json, sub_path: str) -> None:
    """Append a path to an artifact's key."""
    for kind, field in _KEYED.items():
        location = artifact.get(kind)
        if location and location.get(field) is not None:
            joined = posixpath.normpath(posixpath.join(location[field], sub_path))
            artifact[kind] = {**location, field: joined}
