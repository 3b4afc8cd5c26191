"""`file:line:column: severity [rule] message (field)`, and a line that sums up."""

from __future__ import annotations

from headrace.insight.lint.model import Finding, Severity
from headrace.insight.lint.running import Report


def text(report: Report) -> str:
    """The report for people."""
    lines = [_line(finding) for finding in report.findings]
    errors, warnings = report.count(Severity.ERROR), report.count(Severity.WARNING)
    fixable = sum(bool(finding.edits) for finding in report.findings)
    summary = (
        f"{report.objects} object{_s(report.objects)}: {errors or 'no'} error{_s(errors)}, "
        f"{warnings or 'no'} warning{_s(warnings)}"
    )
    if fixable:
        summary += f"; --fix mends {fixable}"
    return "\n".join([*lines, summary])


def _line(finding: Finding) -> str:
    place = ":".join(
        part for part in (finding.file, str(finding.line or ""), str(finding.column or "")) if part
    )
    before = f"{place}: " if place else ""
    field = f" ({finding.path})" if finding.path else ""
    return f"{before}{finding.severity} [{finding.rule}] {finding.message}{field}"


def _s(count: int) -> str:
    return "" if count == 1 else "s"
