"""Which texts are label keys and label values, and what is wrong with others.

Owns the rules and messages of apimachinery's validation. Callers: `selector`, validation.
"""

from __future__ import annotations

import re

_NAME = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"
_DNS_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS = f"{_DNS_LABEL}(\\.{_DNS_LABEL})*"
_NAME_RE, _VALUE_RE, _DNS_RE = (re.compile(p, re.ASCII) for p in (_NAME, _VALUE, _DNS))
_MAX_NAME, _MAX_DNS = 63, 253

_NAME_RULE = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an"
    " alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for"
    f" validation is '{_NAME}')"
)
_VALUE_RULE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or"
    " '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or"
    f" 'my_value',  or '12345', regex used for validation is '{_VALUE}')"
)
_DNS_RULE = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or"
    " '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used"
    f" for validation is '{_DNS}')"
)


def key_problems(key: str) -> list[str]:
    """What is wrong with a label key (a qualified name); empty where nothing is."""
    parts = key.split("/")
    if len(parts) > 2:
        suffix = " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return [f"a qualified name {_NAME_RULE}{suffix}"]
    problems: list[str] = []
    if len(parts) == 2:
        problems.extend(f"prefix part {problem}" for problem in _prefix_problems(parts[0]))
    name = parts[-1]
    if not name:
        problems.append("name part must be non-empty")
    elif len(name.encode("utf-8", "replace")) > _MAX_NAME:
        problems.append(f"name part {_too_long(_MAX_NAME)}")
    if not _NAME_RE.fullmatch(name):
        problems.append(f"name part {_NAME_RULE}")
    return problems


def value_problems(value: str) -> list[str]:
    """What is wrong with a label value; empty where nothing is."""
    problems = []
    if len(value.encode("utf-8", "replace")) > _MAX_NAME:
        problems.append(_too_long(_MAX_NAME))
    if not _VALUE_RE.fullmatch(value):
        problems.append(_VALUE_RULE)
    return problems


def _prefix_problems(prefix: str) -> list[str]:
    if not prefix:
        return ["must be non-empty"]
    problems = []
    if len(prefix.encode("utf-8", "replace")) > _MAX_DNS:
        problems.append(_too_long(_MAX_DNS))
    if not _DNS_RE.fullmatch(prefix):
        problems.append(_DNS_RULE)
    return problems


def _too_long(limit: int) -> str:
    return f"must be no more than {limit} bytes"
