"""`@pretty`: indented JSON in which short arrays stay on one line. Source: tidwall/pretty."""

from __future__ import annotations

from typing import Any

from lang import gojson


def formatted(value: Any, options: dict[str, Any]) -> Any:
    """The value with a pretty text as its raw form. Options: sortKeys, indent, prefix, width."""
    from lang.gjson_text import Array, Object

    style = _Style(
        str(options.get("indent", "  ")),
        str(options.get("prefix", "")),
        int(options.get("width", 80)) if str(options.get("width", 80)).isdigit() else 80,
        options.get("sortKeys") is True,
    )
    text = style.prefix + style.shown(value, 0, len(style.prefix)) + "\n"
    match value:
        case dict():
            found: Any = Object(value)
        case list():
            found = Array(value)
        case _:
            return value
    found.raw = text
    return found


class _Style:
    def __init__(self, indent: str, prefix: str, width: int, sort_keys: bool) -> None:
        self.indent, self.prefix, self.width = indent, prefix, width
        self.sort_keys = sort_keys

    def shown(self, value: Any, depth: int, column: int) -> str:
        """A value that begins in a column."""
        match value:
            case dict() if value:
                return self._object(value, depth)
            case list() if value:
                line = _on_one_line(value)
                if line is not None and column + len(line) <= self.width:
                    return line
                return self._array(value, depth)
            case _:
                return _scalar(value)

    def _line(self, depth: int) -> str:
        return "\n" + self.prefix + self.indent * depth

    def _object(self, value: dict[str, Any], depth: int) -> str:
        start = self._line(depth + 1)
        items = sorted(value.items()) if self.sort_keys else value.items()
        parts = []
        for key, item in items:
            head = f"{gojson.dumps(str(key))}: "
            column = len(start) - 1 + len(head)
            parts.append(start + head + self.shown(item, depth + 1, column))
        return "{" + ",".join(parts) + self._line(depth) + "}"

    def _array(self, value: list[Any], depth: int) -> str:
        start = self._line(depth + 1)
        parts = (start + self.shown(item, depth + 1, len(start) - 1) for item in value)
        return "[" + ",".join(parts) + self._line(depth) + "]"


def _on_one_line(value: list[Any]) -> str | None:
    """The array on one line, None where it holds an object."""
    parts: list[str] = []
    for item in value:
        if isinstance(item, dict) and item:
            return None
        part = _on_one_line(item) if isinstance(item, list) else _scalar(item)
        if part is None:
            return None
        parts.append(part)
    return "[" + ", ".join(parts) + "]"


def _scalar(value: Any) -> str:
    from lang.gjson import raw_of

    return raw_of(value)
