"""Outputs of a finished loop, gathered over its children.

Owns the three kinds of variables a loop offers: `….outputs.result`, `….outputs.parameters`,
`….outputs.parameters.<name>`. Semantics: Argo Workflows (children that Succeeded, in the order
of their index; hooks and retried attempts do not count). Caller: the engine core.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lang import gojson
from lang.errors import LangError


def variables(prefix: str, children: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The variables of a loop, `prefix` being `tasks.<name>` or `steps.<name>`.

    Children are node statuses (name, phase, outputs, nodeFlag). Raises LangError(SYNTAX) where a
    result is no JSON: a list of results cannot be made of plain text.
    """
    nodes = [child for child in children if not _flagged(child)]
    if not nodes and not children:
        return {}
    done = [child for child in sorted(nodes, key=_index) if child.get("phase") == "Succeeded"]
    outputs = [child["outputs"] for child in done if child.get("outputs")]
    results = [gojson.parse(o["result"]) for o in outputs if o.get("result") is not None]
    rows = [_row(o["parameters"]) for o in outputs if o.get("parameters")]
    scope = {
        f"{prefix}.outputs.result": gojson.escape_html(gojson.dumps(results)),
        f"{prefix}.outputs.parameters": gojson.marshal(rows),
    }
    columns: dict[str, list[str]] = {}
    for row in rows:
        for name, value in row.items():
            columns.setdefault(name, []).append(value)
    for name, values in columns.items():
        scope[f"{prefix}.outputs.parameters.{name}"] = _column(values)
    return scope


def _flagged(child: Mapping[str, Any]) -> bool:
    flag = child.get("nodeFlag") or {}
    return bool(flag.get("hooked") or flag.get("retried"))


def _index(child: Mapping[str, Any]) -> int:
    """12 of `wf.task(12:item)`; -1 where there is no index."""
    _, bracket, rest = str(child.get("name", "")).rpartition("(")
    digits = rest.partition(":")[0]
    return int(digits) if bracket and digits.isdecimal() else -1


def _row(parameters: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    return {p["name"]: gojson.any_string(p.get("value")) or "" for p in parameters}


def _column(values: list[str]) -> str:
    """A list of texts; of the values themselves where each is a JSON list or object."""
    parsed: list[Any] = []
    for value in values:
        try:
            parsed.append(gojson.parse(value))
        except LangError:
            return gojson.marshal(values)
    if not all(isinstance(value, list | dict) for value in parsed):
        return gojson.marshal(values)
    return gojson.marshal(gojson.as_floats(parsed))
