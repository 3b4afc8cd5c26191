"""Workflow commands of GitHub Actions: findings appear beside the lines of a pull request."""

from __future__ import annotations

from headrace.insight.lint.model import Finding
from headrace.insight.lint.running import Report


def text(report: Report) -> str:
    """One command per finding."""
    return "\n".join(map(_command, report.findings))


def _command(finding: Finding) -> str:
    fields = {"file": finding.file, "line": finding.line, "col": finding.column}
    properties = ",".join(
        f"{key}={_property(str(value))}" for key, value in fields.items() if value
    )
    title = f"title={_property(finding.rule)}"
    field = f" ({finding.path})" if finding.path else ""
    return f"::{finding.severity} {properties},{title}::{_data(finding.message + field)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
