"""withItems, withParam, withSequence: one step or task becomes many.

Owns the expansion: the items, the names of the copies, and `{{item}}` put into each. Semantics:
Argo's `expandTask`/`processItem`: every tag of a copy must resolve, unless `when` is already
false; the name and the loop fields themselves are not substituted. Caller: the engine core.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lang import gojson, govaluate, items, sequence, tag_scan, tags
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError, Limits
from lang.items import Item

LOOP_FIELDS = ("withItems", "withParam", "withSequence")

# The order in which Argo prints a task: its message about an open tag shows that text.
_ORDER = (
    *("name", "template", "inline", "arguments", "templateRef", "dependencies", "withItems"),
    *("withParam", "withSequence", "when", "continueOn", "onExit", "depends", "hooks"),
)


def expand(
    task: Mapping[str, Any], scope: Mapping[str, Any], limits: Limits = DEFAULT_LIMITS
) -> list[dict[str, Any]]:
    """The copies of a step or task (JSON objects, loop fields gone); itself without a loop.

    `when` and the loop fields have been substituted already. Raises LangError, whose message the
    node shows.
    """
    if not any(task.get(field) is not None for field in LOOP_FIELDS):
        return [dict(task)]
    if "(" in task["name"]:
        # An index is read back from what follows the first parenthesis of a node's name.
        message = f"the name of a loop may not hold a parenthesis: {task['name']}"
        raise LangError(ErrorKind.VALUE, message)
    skipped = _is_false(task.get("when") or "")
    try:
        elements = list(_items(task, limits))
    except LangError as error:
        if skipped and error.kind is not ErrorKind.LIMIT:
            return []
        raise
    if len(elements) > limits.steps:
        raise LangError(ErrorKind.LIMIT, f"a loop has more than {limits.steps} items")
    _check_open_tags(task)
    body = {key: value for key, value in task.items() if key not in ("name", *LOOP_FIELDS)}
    template = tags.compile(body, limits)
    name = task["name"]
    copies: list[dict[str, Any]] = []
    for index, item in enumerate(elements):
        variables = {**scope, **item.variables()}
        copy = template.render(variables, allow_unresolved=skipped)
        copies.append({"name": items.node_name(name, index, item), **copy})
    return copies


def _items(task: Mapping[str, Any], limits: Limits) -> Iterable[Item]:
    if task.get("withItems") is not None:
        return _with_items(task["withItems"])
    if task.get("withParam") is not None:
        return items.parse_list(str(task["withParam"]))
    return map(items.of, sequence.expand(task["withSequence"], limits))


def _with_items(value: Any) -> Iterable[Item]:
    """A list; or, as an extension, a text that is a JSON list after substitution."""
    return items.parse_list(value) if isinstance(value, str) else map(items.of, value)


def _is_false(when: str) -> bool:
    try:
        return not govaluate.when(when)
    except LangError:
        return False


def _check_open_tags(task: Mapping[str, Any]) -> None:
    """Raise for a tag that never ends, with the text that Argo scans."""
    text = gojson.dumps({key: task[key] for key in _ORDER if task.get(key) is not None})
    try:
        tag_scan.scan(text)
    except tag_scan.UnclosedTag as error:
        message = f"unable to parse argo variable: {error.message}"
        raise LangError(error.kind, message, error.position) from None
