"""What headrace takes and Argo does not: notices, so that nobody depends on it unknowingly.

Extensions: a loop over a text, the parallelism of one DAG task, and a part of a JSON input
(`{{inputs.parameters.batch.start}}`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from crds.errors import FieldError
from crds.validation import text

_SPECS = {"CronWorkflow": ("spec", "workflowSpec")}


def notices(item: Mapping[str, Any]) -> list[FieldError]:
    """Every use of an extension in a workflow, template or cron workflow that decodes."""
    path = _SPECS.get(str(item.get("kind")), ("spec",))
    spec: Any = item
    for field in path:
        spec = spec.get(field) or {}
    found: list[FieldError] = []
    for index, template in enumerate(spec.get("templates") or []):
        found += _of_template(f"{'.'.join(path)}.templates[{index}]", template)
    return found


def _of_template(path: str, template: dict[str, Any]) -> Iterator[FieldError]:
    for place, call in _calls(path, template):
        if isinstance(call.get("withItems"), str):
            yield FieldError(
                f"{place}.withItems", "a text in withItems is an extension of headrace"
            )
        if "parallelism" in call:
            message = "parallelism of a task is an extension of headrace"
            yield FieldError(f"{place}.parallelism", message)
        if call.get("inline"):
            yield from _of_template(f"{place}.inline", call["inline"])
    declared = (template.get("inputs") or {}).get("parameters") or []
    names = tuple(f"inputs.parameters.{each.get('name', '')}." for each in declared)
    parts = {tag.strip() for tag in text.tags(template) if tag.strip().startswith(names)}
    for tag in sorted(parts) if names else ():
        yield FieldError(path, f"{{{{{tag}}}}}: a part of an input is an extension of headrace")


def _calls(path: str, template: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for index, group in enumerate(template.get("steps") or []):
        for at, step in enumerate(group or []):
            yield f"{path}.steps[{index}][{at}]", step or {}
    for index, task in enumerate((template.get("dag") or {}).get("tasks") or []):
        yield f"{path}.dag.tasks[{index}]", task or {}
