"""Findings of one check: where, and in which words.

A `Site` is a place under check: its field path for people who fix it, and its name in messages,
which are worded as Argo words them (`templates.main.steps[0].a …`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from crds.errors import FieldError


@dataclass(frozen=True, slots=True)
class Site:
    """`path` is the field path; `lead` stands before messages from templates called here."""

    path: str = ""
    name: str = ""
    lead: str = ""

    def below(self, field: str, index: int | None = None) -> Site:
        """A field of this place, or an entry of it; the name stays."""
        path = f"{self.path}.{field}" if self.path else field
        return replace(self, path=path if index is None else f"{path}[{index}]")

    def named(self, name: str) -> Site:
        """The same place under another name in messages."""
        return replace(self, name=name)

    def leading(self, text: str) -> Site:
        """The same place; further messages begin with `text` after what leads already."""
        return replace(self, lead=self.lead + text)


class Report:
    """Collects findings; the same one is kept once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], FieldError] = {}

    def add(self, site: Site, message: str) -> None:
        """Record a finding."""
        text = site.lead + message
        self._found.setdefault((site.path, text), FieldError(site.path, text))

    @property
    def findings(self) -> list[FieldError]:
        """All of them, in the order they were found."""
        return list(self._found.values())

    def __len__(self) -> int:
        return len(self._found)
