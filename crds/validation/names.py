"""Names of templates, steps, tasks, parameters and artifacts: form and uniqueness."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_FIELD = re.compile(r"[a-zA-Z0-9][-a-zA-Z0-9]*")
_PARAMETER = re.compile(r"[-a-zA-Z0-9_]+[-a-zA-Z0-9_]*")
MAX_LENGTH = 128
_FIELD_TEXT = (
    "name must consist of alpha-numeric characters or '-', and must start with an "
    "alpha-numeric character (e.g. My-name1-2, 123-NAME)"
)
_PARAMETER_TEXT = (
    "Parameter/Artifact name must consist of alpha-numeric characters, '_' or '-' "
    "e.g. my_param_1, MY-PARAM-1"
)


def faults_of_field(name: str) -> list[str]:
    """What is wrong with the name of a template, step, task or container."""
    faults = []
    if len(name) > MAX_LENGTH:
        faults.append(f"must be no more than {MAX_LENGTH} characters")
    if not _FIELD.fullmatch(name):
        faults.append(_FIELD_TEXT)
    return faults


def faults_of_parameter(name: str) -> list[str]:
    """What is wrong with the name of a parameter or artifact."""
    return [] if _PARAMETER.fullmatch(name) else [_PARAMETER_TEXT]


def faults(names: Iterable[str], *, parameters: bool = False) -> Iterator[tuple[int, str]]:
    """Index and fault of every name that is missing, malformed or used twice.

    The fault begins with the index: `[2].name 'a' is not unique`.
    """
    check = faults_of_parameter if parameters else faults_of_field
    seen: set[str] = set()
    for index, name in enumerate(names):
        if not name:
            yield index, f"[{index}].name is required"
            continue
        wrong = check(name)
        if wrong:
            yield index, f"[{index}].name: '{name}' is invalid: {';'.join(wrong)}"
        if name in seen:
            yield index, f"[{index}].name '{name}' is not unique"
        seen.add(name)
