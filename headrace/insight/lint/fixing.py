"""Applying the edits of findings: text in, text out. Comments and layout stay as they are."""

from __future__ import annotations

from collections.abc import Iterable

from headrace.insight.lint.model import Edit, Finding


def fixed(text: str, findings: Iterable[Finding]) -> tuple[str, int]:
    """The text with the edits of all findings that do not get into each other's way.

    Returns how many findings were mended. A finding's edits are made all or none.
    """
    taken: list[Edit] = []
    mended = 0
    for finding in findings:
        if finding.edits and all(_free(edit, taken) for edit in finding.edits):
            taken += (edit for edit in finding.edits if edit not in taken)
            mended += 1
    for edit in sorted(taken, key=lambda edit: (edit.start, edit.end), reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text, mended


def _free(edit: Edit, taken: list[Edit]) -> bool:
    if edit in taken:
        return True
    for other in taken:
        if edit.start < other.end and other.start < edit.end:
            return False
        if edit.start == other.start and not (edit.start == edit.end == other.end):
            return False
    return True
