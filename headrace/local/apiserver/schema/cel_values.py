"""What a rule sees: values turned into CEL's, as a schema directs.

Field names that are no identifiers, or are words of CEL, are escaped as Kubernetes escapes them;
keys of maps stay. Numbers of type `number` become doubles. A date-time or duration is a timestamp
or duration where it is `self`; as a part of an object the CEL library takes it as text only, so
that a rule has to write `timestamp(self.when)`.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import re
from typing import Any

from lang import duration
from lang.errors import LangError

WORDS = frozenset(
    [
        "true",
        "false",
        "null",
        "in",
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    ]
)
_SPECIAL = re.compile(r"__|\.|-|/")
_ESCAPES = {"__": "__underscores__", ".": "__dot__", "-": "__dash__", "/": "__slash__"}
_IDENTIFIER = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)


def escaped(name: str) -> str | None:
    """A field's name in rules; None when a rule cannot name it."""
    if name in WORDS:
        return f"__{name}__"
    text = _SPECIAL.sub(lambda match: _ESCAPES[match[0]], name)
    return text if _IDENTIFIER.fullmatch(text) else None


def of(value: Any, schema: dict[str, Any]) -> Any:
    """`value` as a rule sees it, as `self`."""
    return _text(value, schema.get("format")) if isinstance(value, str) else _inner(value, schema)


def _inner(value: Any, schema: dict[str, Any]) -> Any:
    match value:
        case dict():
            return _object(value, schema)
        case list():
            items = schema.get("items") or {}
            return [_inner(each, items) for each in value]
        case bool() | None:
            return value
        case int() if schema.get("type") == "number":
            return float(value)
        case float() if schema.get("type") == "integer":
            return int(value)
        case str() if schema.get("format") == "byte":
            return _text(value, "byte")
        case _:
            return value


def _object(value: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties")
    if properties is None:
        others = schema.get("additionalProperties")
        inner = others if isinstance(others, dict) else {}
        return {key: _inner(each, inner) for key, each in value.items()}
    found = {}
    for key, each in value.items():
        name = escaped(key)
        if name is not None and each is not None:
            found[name] = _inner(each, properties.get(key) or {})
    return found


def _text(value: str, form: str | None) -> Any:
    try:
        match form:
            case "date-time" | "date":
                moment = datetime.datetime.fromisoformat(value.upper().replace("Z", "+00:00"))
                return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
            case "duration":
                return datetime.timedelta(seconds=duration.parse_go(value))
            case "byte":
                return base64.b64decode(value, validate=True)
            case _:
                return value
    except (ValueError, binascii.Error, LangError):
        return value
