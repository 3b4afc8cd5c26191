"""What this house raises and reports about objects that users wrote.

A `FieldError` is one finding with the path of the field; a `CrdError` is raised where nothing
useful can go on, and carries all findings made so far.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldError:
    """One finding: `path` such as `spec.templates[2].dag.tasks[0].depends` (empty: the object)."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class CrdError(ValueError):
    """The object cannot be read as its kind; `path` and `message` are of the first finding."""

    def __init__(self, errors: Iterable[FieldError]) -> None:
        self.errors = tuple(errors)
        if not self.errors:
            raise ValueError("a CrdError needs at least one finding")
        self.path = self.errors[0].path
        self.message = self.errors[0].message
        super().__init__("; ".join(map(str, self.errors)))
