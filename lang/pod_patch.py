"""podSpecPatch: texts that change the PodSpec of a step's pod.

Owns reading each text (JSON where it begins with `{`, YAML otherwise), checking it, and merging
it. Semantics and messages: Argo Workflows. Caller: the pod executor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lang import gojson, merge_patch, pod_schema, strconv, yaml
from lang.errors import LangError


def apply(pod_spec: Mapping[str, Any], patches: Iterable[str]) -> dict[str, Any]:
    """The PodSpec after the workflow's and the template's patch, in their order.

    Raises LangError: `invalid podSpecPatch …` for a text that is no PodSpec, else
    `Error occurred during strategic merge patch`.
    """
    spec = dict(pod_spec)
    for text in patches:
        patch = _read(text)
        try:
            spec = merge_patch.apply(spec, patch, pod_schema.POD_SPEC)
        except LangError as error:
            message = "Error occurred during strategic merge patch"
            raise LangError(error.kind, message, error.position) from error
    return pod_schema.canonical(spec)


def _read(text: str) -> dict[str, Any]:
    if not text.lstrip().startswith("{"):
        value = yaml.load(text)
    else:
        value = _guard(text, gojson.parse, text)
    _guard(text, pod_schema.check, value)
    return value or {}


def _guard(text: str, function: Any, argument: Any) -> Any:
    try:
        return function(argument)
    except LangError as error:
        message = f"invalid podSpecPatch {strconv.quote(text)}: {error.message}"
        raise LangError(error.kind, message, error.position) from None
