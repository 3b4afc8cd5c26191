"""Edits of YAML text by the place of a field: what is inserted fits the style around it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crds.validation.files import Checked
from headrace.insight.lint.model import Edit, Path, shown

Json = Mapping[str, Any]


def offset(text: str, line: int, column: int) -> int:
    """The index of a character by its line and column (both from 1)."""
    start = 0
    for _ in range(line - 1):
        start = text.index("\n", start) + 1
    return start + column - 1


def where(text: str, item: Checked, path: Path) -> int:
    """The index at which a field's key, or a list's item, is written."""
    at = item.place(shown(path))
    return offset(text, at.line, at.column)


def field_before(text: str, item: Checked, path: Path, body: Json, lines: list[str]) -> Edit | None:
    """Insert a field as the first of the mapping `body` at `path`.

    `lines` is the field in block style, its later lines indented relative to the first; a mapping
    in flow style takes a field of one line only. None where it cannot be done.
    """
    first = next(iter(body), None)
    if first is None:
        return None
    start = where(text, item, (*path, first))
    if text[:start].rstrip(" \n").endswith(("{", ",")) or text[start : start + 1] in "{\"'":
        return Edit(start, start, f"{lines[0]}, ") if len(lines) == 1 else None
    indent = " " * _column(text, start)
    return Edit(start, start, "".join(f"{line}\n{indent}" for line in lines))


def item_before(text: str, item: Checked, path: Path, fields: Mapping[str, str]) -> Edit | None:
    """Insert an object as the first of the list at `path`, which has one already."""
    start = where(text, item, (*path, 0))
    if text[start] == "{":
        inner = ", ".join(f"{key}: {value}" for key, value in fields.items())
        return Edit(start, start, f"{{{inner}}}, ")
    if not text[:start].endswith("- "):
        return None
    column = _column(text, start)
    inner = f"\n{' ' * column}".join(f"{key}: {value}" for key, value in fields.items())
    return Edit(start, start, f"{inner}\n{' ' * (column - 2)}- ")


def _column(text: str, start: int) -> int:
    return start - (text.rfind("\n", 0, start) + 1)
