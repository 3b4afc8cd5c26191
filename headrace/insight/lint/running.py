"""Linting texts: verdicts first, then every chosen rule over all objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from crds.validation import Library, files
from headrace.insight.lint import ignoring, registry
from headrace.insight.lint.corpus import Corpus
from headrace.insight.lint.model import (
    EXTENSION,
    INVALID,
    UNREADABLE,
    Finding,
    Severity,
    shown,
)
from headrace.insight.lint.rule import Rule
from headrace.insight.lint.settings import Settings


@dataclass(frozen=True, slots=True)
class Known:
    """What a cluster holds: templates for references, and objects by which rules are judged."""

    library: Library = field(default_factory=Library)
    objects: tuple[Mapping[str, Any], ...] = ()
    asked: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """Everything found, by file and place; how many objects were looked at."""

    findings: tuple[Finding, ...]
    objects: int

    def count(self, severity: Severity) -> int:
        """How many findings of a severity."""
        return sum(finding.severity is severity for finding in self.findings)


def lint(
    texts: Mapping[str, str],
    *,
    strict: bool = True,
    settings: Settings | None = None,
    known: Known | None = None,
) -> Report:
    """Look at texts, by the name of their file. Never raises for what they hold."""
    settings, known = settings or Settings(), known or Known()
    outcome = files.lint(texts, strict=strict, library=known.library)
    findings = list(_verdicts(outcome))
    corpus = Corpus(texts, outcome.objects, known.asked, list(known.objects))
    silenced = ignoring.Silenced(texts)
    for rule in registry.RULES:
        findings += (
            found
            for found in _broken(rule, corpus)
            if settings.wants(found.rule, found.file) and not silenced.holds(found)
        )
    return Report(tuple(sorted(set(findings))), len(outcome.objects))


def _verdicts(outcome: files.Lint) -> Iterator[Finding]:
    for problem in outcome.problems:
        yield Finding(
            problem.file, problem.line, problem.column, INVALID, Severity.ERROR, problem.message
        )
    for note in outcome.notes:
        severity = Severity.WARNING
        yield Finding(note.file, note.line, note.column, UNREADABLE, severity, note.message)
    for item in outcome.objects:
        for error in item.findings:
            at = item.place(error.path)
            yield Finding(
                item.file,
                at.line,
                at.column,
                INVALID,
                Severity.ERROR,
                error.message,
                error.path,
            )
        for notice in item.notices:
            at = item.place(notice.path)
            yield Finding(
                item.file,
                at.line,
                at.column,
                EXTENSION,
                Severity.NOTICE,
                notice.message,
                notice.path,
            )


def _broken(rule: Rule, corpus: Corpus) -> Iterator[Finding]:
    for item, hit in rule.check(corpus):
        at = item.place(shown(hit.path))
        yield Finding(
            item.file,
            at.line,
            at.column,
            rule.id,
            Severity.WARNING,
            hit.message,
            shown(hit.path),
            hit.edits,
        )
