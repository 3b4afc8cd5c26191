"""kubectl's JSONPath dialect. Semantics: k8s.io/client-go/util/jsonpath."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

from lang import gojson, strconv
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError

Select = Callable[[list[Any], Any], list[Any]]
_NAME = re.compile(r"[^.\[\]{}\s()=!<>|,'\"]+")
_FIELD = re.compile(r"[^.\[\]{}\s\\,&~|=<>!()]+")
_COMPARISON = re.compile(r"^(.*?)\s*(==|!=|<=|>=|<|>)\s*(.*)$", re.DOTALL)


class Template:
    """A compiled template: literal texts and selections, in order."""

    def __init__(self, source: str, parts: list[Part]) -> None:
        self._source = source
        self._parts = parts

    def render(self, document: Any) -> str:
        """The text; a field that is not there is empty. Raises LangError(VALUE)."""
        try:
            return "".join(_render(self._parts, document, document))
        except LangError as error:
            where = f'error executing jsonpath "{self._source}"'
            message = f"{where}: Error executing template: {error.message}"
            raise LangError(error.kind, message, error.position) from None


class Part:
    """A text, a selection, or a range over a selection."""

    __slots__ = ("body", "select", "text")

    def __init__(
        self, text: str = "", select: Select | None = None, body: list[Part] | None = None
    ) -> None:
        self.text = text
        self.select = select
        self.body = body


def _render(parts: list[Part], at: Any, root: Any) -> Iterator[str]:
    for part in parts:
        if part.select is None:
            yield part.text
        elif part.body is None:
            yield " ".join(map(_text, part.select([at], root)))
        else:
            for item in part.select([at], root):
                yield from _render(part.body, item, root)


def _text(value: Any) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case None:
            return ""
        case float():
            return strconv.format_float_g(value)
        case int():
            return str(value)
        case _:
            return gojson.dumps(value)


@functools.lru_cache(maxsize=1024)
def compiled(template: str) -> Template:
    """Raises LangError(SYNTAX, LIMIT)."""
    if len(template) > DEFAULT_LIMITS.source:
        raise LangError(ErrorKind.LIMIT, "template is too long", 0)
    try:
        parts, rest = _parts(template, 0, inside=False)
    except LangError as error:
        message = f"error parsing jsonpath {template}, {error.message}"
        raise LangError(error.kind, message, error.position) from None
    if rest < len(template):
        raise LangError(ErrorKind.SYNTAX, "unexpected end", rest)
    return Template(template, parts)


def _parts(template: str, at: int, *, inside: bool) -> tuple[list[Part], int]:
    parts: list[Part] = []
    while at < len(template):
        opened = template.find("{", at)
        if opened < 0:
            parts.append(Part(template[at:]))
            return parts, len(template)
        if opened > at:
            parts.append(Part(template[at:opened]))
        closed = _closing(template, opened)
        inner = template[opened + 1 : closed].strip()
        at = closed + 1
        if inner == "end":
            if not inside:
                parts.append(Part(select=_failing("not in range, nothing to end", opened)))
                continue
            return parts, at
        if inner.startswith("range "):
            body, at = _parts(template, at, inside=True)
            parts.append(Part(select=_path(inner[6:].strip(), opened), body=body))
        elif inner[:1] in {'"', "'"}:
            parts.append(Part(_unquoted(inner, opened)))
        else:
            parts.append(Part(select=_path(inner, opened)))
    if inside:
        raise LangError(ErrorKind.SYNTAX, "unexpected EOF, no end for range", at)
    return parts, at


def _closing(template: str, opened: int) -> int:
    quote = ""
    for i in range(opened + 1, len(template)):
        character = template[i]
        if quote:
            if character == quote and template[i - 1] != "\\":
                quote = ""
        elif character in "'\"":
            quote = character
        elif character == "}":
            return i
    what = "unterminated array" if "[" in template[opened:] else "unclosed action"
    raise LangError(ErrorKind.SYNTAX, what, opened)


def _failing(message: str, position: int) -> Select:
    """What is only wrong when it is run."""

    def select(_values: list[Any], _root: Any) -> list[Any]:
        raise LangError(ErrorKind.VALUE, message, position)

    return select


def _unquoted(text: str, position: int) -> str:
    if len(text) < 2 or text[-1] != text[0]:
        raise LangError(ErrorKind.SYNTAX, "unterminated quoted string", position)
    inner = text[1:-1]
    for escape, meaning in (("\\n", "\n"), ("\\t", "\t"), ("\\\\", "\\")):
        inner = inner.replace(escape, meaning)
    return inner.replace(f"\\{text[0]}", text[0])


def _path(text: str, position: int) -> Select:
    """A chain of steps; each takes the values so far."""
    if re.fullmatch(r"[+-]?\d+(\.\d+)?", text):
        number: Any = float(text) if "." in text else int(text)
        return lambda _values, _root: [number]
    word = re.match(r"[A-Za-z]\w*", text)
    if word and word.group() not in {"true", "false"}:
        return _failing(f"unrecognized identifier {word.group()}", position)
    steps: list[Select] = []
    at = 0
    if text.startswith(("$", "@")):
        if text[0] == "$":
            steps.append(lambda _values, root: [root])
        at = 1
    while at < len(text):
        if text.startswith("..", at):
            match = _NAME.match(text, at + 2)
            wanted = match.group() if match else "*"
            at = match.end() if match else at + 2
            steps.append(_recursive(wanted))
        elif text[at] == ".":
            at += 1
            name = _name(text, at)
            key, at = name if name is not None else ("", at)
            steps.append(_field(key))
        elif text[at] == "[":
            end = _bracket(text, at)
            steps.append(_subscript(text[at + 1 : end].strip(), position + at))
            at = end + 1
        else:
            shown = f"U+{ord(text[at]):04X} '{text[at]}'"
            raise LangError(
                ErrorKind.SYNTAX, f"unrecognized character in action: {shown}", position
            )

    def select(values: list[Any], root: Any) -> list[Any]:
        for step in steps:
            values = step(values, root)
        return values

    return select


def _name(text: str, at: int) -> tuple[str, int] | None:
    """A field name with its escaped dots."""
    key: list[str] = []
    while at < len(text):
        if text[at] == "\\" and at + 1 < len(text):
            key.append(text[at + 1])
            at += 2
            continue
        found = _FIELD.match(text, at)
        if found is None:
            break
        key.append(found.group())
        at = found.end()
    return ("".join(key), at) if key else None


def _bracket(text: str, at: int) -> int:
    depth, quote = 0, ""
    for i in range(at, len(text)):
        character = text[i]
        if quote:
            if character == quote:
                quote = ""
        elif character in "'\"":
            quote = character
        elif character in "[(":
            depth += 1
        elif character in "])":
            depth -= 1
            if depth == 0:
                return i
    raise LangError(ErrorKind.SYNTAX, "unterminated array", at)


def _field(key: str) -> Select:
    def select(values: list[Any], _root: Any) -> list[Any]:
        found: list[Any] = []
        for value in values:
            if key == "*":
                found += _below(value)
            elif isinstance(value, dict) and key in value:
                found.append(value[key])
        return found

    return select


def _below(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, list) else []


def _recursive(wanted: str) -> Select:
    def select(values: list[Any], _root: Any) -> list[Any]:
        found: list[Any] = []
        stack = list(reversed(values))
        while stack:
            value = stack.pop()
            if wanted == "*":
                found += _below(value)
            elif isinstance(value, dict) and wanted in value:
                found.append(value[wanted])
            stack += reversed(_below(value))
        return found

    return select


def _subscript(text: str, position: int) -> Select:
    if text == "*":
        return _field("*")
    if text.startswith("?"):
        return _filter(text[1:].strip().removeprefix("(").removesuffix(")"), position)
    if text.startswith("'"):
        # A quoted key is read as a path: a dot in it must be escaped.
        keys = [_unquoted(part.strip(), position) for part in text.split(",")]
        return _union([_path(f".{key}", position) for key in keys])
    parts = [part.strip() for part in text.split(",")]
    return _union([_slice(part, position) for part in parts])


def _union(selects: list[Select]) -> Select:
    if len(selects) == 1:
        return selects[0]
    return lambda values, root: [x for select in selects for x in select(values, root)]


def _slice(text: str, position: int) -> Select:
    pieces = text.split(":")
    try:
        numbers = [int(piece) if piece else None for piece in pieces]
    except ValueError:
        wrong = next(p for p in pieces if p and not re.fullmatch(r"[+-]?\d+", p))
        raise LangError(ErrorKind.SYNTAX, f"invalid array index {wrong}", position) from None
    if len(numbers) > 3 or (len(numbers) == 3 and numbers[2] == 0):
        raise LangError(ErrorKind.SYNTAX, f"invalid array index {text}", position)

    def select(values: list[Any], _root: Any) -> list[Any]:
        found: list[Any] = []
        for value in values:
            if not isinstance(value, list):
                raise LangError(ErrorKind.VALUE, f"{_text(value)} is not array or slice", 0)
            if len(numbers) > 1:
                found += value[slice(*numbers)]
                continue
            index = numbers[0] or 0
            if not -len(value) <= index < len(value):
                raise LangError(
                    ErrorKind.VALUE,
                    f"array index out of bounds: index {index}, length {len(value)}",
                    0,
                )
            found.append(value[index])
        return found

    return select


def _filter(text: str, position: int) -> Select:
    compared = _COMPARISON.match(text)
    left = _operand(compared.group(1) if compared else text, position)
    operator = compared.group(2) if compared else ""
    right = _operand(compared.group(3), position) if compared else None

    def select(values: list[Any], root: Any) -> list[Any]:
        found: list[Any] = []
        for value in values:
            for item in _below(value):
                try:
                    mine = left([item], root)
                    theirs = right([item], root) if right is not None else []
                except LangError:
                    continue
                if not mine:
                    continue
                if not operator or (theirs and _compare(mine[0], operator, theirs[0])):
                    found.append(item)
        return found

    return select


def _operand(text: str, position: int) -> Select:
    text = text.strip()
    if text[:1] in {"'", '"'}:
        constant: Any = _unquoted(text, position)
        return lambda _values, _root: [constant]
    if text in {"true", "false"}:
        return lambda _values, _root: [text == "true"]
    try:
        number = float(text) if "." in text else int(text)
    except ValueError:
        return _path(text, position)
    return lambda _values, _root: [number]


def _compare(left: Any, operator: str, right: Any) -> bool:
    if isinstance(left, str) != isinstance(right, str):
        return False
    try:
        match operator:
            case "==":
                return bool(left == right)
            case "!=":
                return bool(left != right)
            case "<":
                return bool(left < right)
            case "<=":
                return bool(left <= right)
            case ">":
                return bool(left > right)
            case _:
                return bool(left >= right)
    except TypeError:
        return False
