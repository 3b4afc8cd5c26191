"""SARIF 2.1.0, as code scanning takes it."""

from __future__ import annotations

from pathlib import PurePath
from typing import Any
from urllib.parse import quote

import orjson

from headrace.insight.lint import registry
from headrace.insight.lint.model import Finding, Severity
from headrace.insight.lint.running import Report

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTICE: "note"}


def text(report: Report) -> str:
    """The report as one run."""
    rules = [
        {
            "id": rule.id,
            "shortDescription": {"text": rule.title},
            "fullDescription": {"text": rule.why},
            "defaultConfiguration": {"level": "warning"},
        }
        for rule in registry.RULES
    ]
    driver = {"name": "headrace lint", "rules": rules}
    run = {"tool": {"driver": driver}, "results": [_result(each) for each in report.findings]}
    run["columnKind"] = "unicodeCodePoints"
    body = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()


def _result(finding: Finding) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "level": _LEVELS[finding.severity],
        "message": {"text": finding.message},
    }
    if finding.file:
        physical: dict[str, Any] = {"artifactLocation": {"uri": _uri(finding.file)}}
        if finding.line:
            physical["region"] = {"startLine": finding.line, "startColumn": finding.column or 1}
        location: dict[str, Any] = {"physicalLocation": physical}
        if finding.path:
            location["logicalLocations"] = [{"fullyQualifiedName": finding.path}]
        result["locations"] = [location]
    return result


def _uri(file: str) -> str:
    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
