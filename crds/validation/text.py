"""Tags in the texts of a template: finding them, and filling in those whose value is known.

Only for checking. Values are filled in repeatedly, innermost tags first, as Argo's validator does
it, so that `{{inputs.parameters.{{item}}}}` is judged by what it becomes; running templates go
through `lang.tags`, which never scans a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

_TAG = re.compile(r"\{\{((?:(?!\{\{|\}\}).)*)\}\}", re.DOTALL)
_OPEN = re.compile(r"\{\{(?!.*\}\})(.*)", re.DOTALL)
PREFIXES = ("item.", "steps.", "inputs.", "outputs.", "pod.", "workflow.", "tasks.")
"""Tags that begin otherwise are never checked."""


def texts(tree: Any) -> Iterator[str]:
    """Every text of a JSON value, keys too."""
    match tree:
        case str():
            yield tree
        case dict():
            for key, each in tree.items():
                yield key
                yield from texts(each)
        case list():
            for each in tree:
                yield from texts(each)
        case _:
            pass


def tags(tree: Any) -> Iterator[str]:
    """What stands between `{{` and `}}`, without `{{=…}}`; one never closed is unknown."""
    for text in texts(tree):
        if "{{" in text:
            for match in _TAG.finditer(text):
                if not match[1].lstrip().startswith("="):
                    yield match[1]
            open_tag = _OPEN.search(text)
            if open_tag is not None:
                yield f"{open_tag[1]} (never closed)"


def has_tag(text: str) -> bool:
    """Whether the text may change when values are filled in."""
    return "{{" in text


def fill(tree: Any, values: Mapping[str, str]) -> Any:
    """`tree` with every known tag replaced by its value; other tags stay."""
    match tree:
        case str():
            return _fill_text(tree, values) if "{{" in tree else tree
        case dict():
            return {
                _fill_text(k, values) if "{{" in k else k: fill(v, values) for k, v in tree.items()
            }
        case list():
            return [fill(each, values) for each in tree]
        case _:
            return tree


def _fill_text(text: str, values: Mapping[str, str]) -> str:
    return _TAG.sub(lambda match: values.get(match[1].strip(), match[0]), text)
