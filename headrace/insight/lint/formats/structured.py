"""JSON: `{objects, errors, warnings, findings: [{file, line, column, rule, severity, message,
path, fixable}]}`."""

from __future__ import annotations

import orjson

from headrace.insight.lint.model import Severity
from headrace.insight.lint.running import Report


def text(report: Report) -> str:
    """The report for programs."""
    findings = [
        {
            "file": each.file,
            "line": each.line,
            "column": each.column,
            "rule": each.rule,
            "severity": each.severity.value,
            "message": each.message,
            "path": each.path,
            "fixable": bool(each.edits),
        }
        for each in report.findings
    ]
    body = {
        "objects": report.objects,
        "errors": report.count(Severity.ERROR),
        "warnings": report.count(Severity.WARNING),
        "findings": findings,
    }
    return orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()
