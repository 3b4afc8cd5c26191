"""What lint says: findings with places, and the edits that would mend them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

Path = tuple[str | int, ...]

INVALID, UNREADABLE, EXTENSION = "invalid", "unreadable", "extension"
"""Ids of what is not a rule: a refusal by validation, a text that is no YAML, a notice."""


class Severity(StrEnum):
    """How bad it is. Only errors fail a run by themselves."""

    ERROR = "error"
    WARNING = "warning"
    NOTICE = "notice"


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the characters `start` to `end` of a file's text."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Hit:
    """What a rule found: the path in its object, and the edits of its file that mend it."""

    path: Path
    message: str
    edits: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One line of the report. `line` and `column` count from 1; 0: not known."""

    file: str
    line: int
    column: int
    rule: str
    severity: Severity = field(compare=False)
    message: str
    path: str = ""
    edits: tuple[Edit, ...] = field(default=(), compare=False)


def shown(path: Path) -> str:
    """`spec.templates[2].name`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif "." in step or "/" in step:
            text += f'["{step}"]'
        else:
            text += f".{step}" if text else step
    return text
