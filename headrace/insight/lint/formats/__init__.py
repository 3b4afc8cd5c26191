"""How a report is written: for people, for programs, for GitHub, for code scanners."""

from __future__ import annotations

from collections.abc import Callable

from headrace.insight.lint.formats import github, plain, sarif, structured
from headrace.insight.lint.running import Report

FORMATS: dict[str, Callable[[Report], str]] = {
    "text": plain.text,
    "json": structured.text,
    "github": github.text,
    "sarif": sarif.text,
}
