"""YAML as kubectl and Argo read it: sigs.k8s.io/yaml (YAML 1.1) on libyaml's parser.

Owns documents with their positions, duplicate keys, anchors and merges, and the caps that make
hostile input harmless (aliases that multiply, depth). Values are JSON trees: keys are texts.
Callers: the CLI and API server (manifests), podSpecPatch, lint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml as libyaml

from lang import gojson, strconv, yaml_emit, yaml_scalars
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError, Limits

_Loader: Any = getattr(libyaml, "CBaseLoader", libyaml.BaseLoader)
_MAX_SOURCE = 32 * 1024 * 1024
_FREE_NODES, _ALIAS_FACTOR = 10_000, 20

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Position:
    """Where a node begins. Both count from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """One document: its JSON tree and the position of every node by its path."""

    value: Any
    positions: Mapping[Path, Position]

    def position(self, path: Path) -> Position | None:
        """The position of a node, or of the nearest node above it."""
        while path not in self.positions and path:
            path = path[:-1]
        return self.positions.get(path)


def load_all(text: str, *, strict: bool = False, limits: Limits = DEFAULT_LIMITS) -> list[Document]:
    """The documents of a text; empty ones are left out. Raises LangError(SYNTAX, TYPE, LIMIT).

    `strict` refuses a key that is given twice; otherwise the later one stands.
    """
    documents = [_Reader(root, strict, limits).document() for root in _roots(text, limits)]
    return [document for document in documents if document.value is not None]


def load(text: str, *, strict: bool = False, limits: Limits = DEFAULT_LIMITS) -> Any:
    """The JSON tree of the first document; None where there is none."""
    for root in _roots(text, limits):
        return _Reader(root, strict, limits).document().value
    return None


def to_json(text: str, *, strict: bool = False) -> str:
    """The first document as JSON text: sorted keys, numbers as Go prints them."""
    return gojson.marshal(_jsonable(load(text, strict=strict)))


def to_yaml(value: Any) -> str:
    """A JSON tree as YAML, as kubectl and Argo print it."""
    try:
        return yaml_emit.emit(value)
    except UnicodeEncodeError:
        return yaml_emit.emit(gojson.without_surrogates(value))


def _jsonable(value: Any) -> Any:
    match value:
        case dict():
            return {key: _jsonable(inner) for key, inner in value.items()}
        case list():
            return [_jsonable(item) for item in value]
        case float():
            if value != value or value in (float("inf"), float("-inf")):
                shown = strconv.format_float(value)
                raise LangError(ErrorKind.VALUE, f"json: unsupported value: {shown}")
            return gojson.RawFloat(strconv.format_float_json(value))
        case _:
            return value


@dataclass(slots=True)
class _Node:
    """A node of the syntax tree. `children` of a mapping alternate key and value."""

    event: Any
    children: list[_Node] = field(default_factory=list)
    target: _Node | None = None  # what an alias stands for

    @property
    def position(self) -> Position:
        mark = self.event.start_mark
        return Position(mark.line + 1, mark.column + 1)

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.event, libyaml.MappingStartEvent)

    @property
    def is_sequence(self) -> bool:
        return isinstance(self.event, libyaml.SequenceStartEvent)


def _roots(text: str, limits: Limits) -> Iterator[_Node]:
    """The root node of each document."""
    if len(text) > _MAX_SOURCE:
        raise LangError(ErrorKind.LIMIT, "yaml: document is too large", 0)
    try:
        yield from _compose(libyaml.parse(text, Loader=_Loader), limits)
    except libyaml.MarkedYAMLError as error:
        raise _syntax_error(error) from None
    except libyaml.reader.ReaderError as error:
        raise LangError(ErrorKind.SYNTAX, f"yaml: {error.reason}", error.position) from None
    except (UnicodeEncodeError, ValueError):
        raise LangError(ErrorKind.SYNTAX, "yaml: invalid Unicode character") from None


def _compose(events: Iterator[Any], limits: Limits) -> Iterator[_Node]:
    anchors: dict[str, _Node] = {}
    stack: list[_Node] = []
    for event in events:
        if isinstance(event, libyaml.DocumentStartEvent):
            anchors = {}
            continue
        if isinstance(event, libyaml.CollectionEndEvent):
            node = stack.pop()
        elif isinstance(event, libyaml.NodeEvent):
            node = _node(event, anchors)
            if isinstance(event, libyaml.CollectionStartEvent):
                if len(stack) >= limits.nesting:
                    raise LangError(ErrorKind.LIMIT, "yaml: nested too deeply", _offset(event))
                stack.append(node)
                continue
        else:
            continue
        if stack:
            stack[-1].children.append(node)
        else:
            yield node


def _node(event: Any, anchors: dict[str, _Node]) -> _Node:
    if isinstance(event, libyaml.AliasEvent):
        target = anchors.get(event.anchor or "")
        if target is None:
            message = f"yaml: unknown anchor '{event.anchor}' referenced"
            raise LangError(ErrorKind.NAME, message, _offset(event))
        return _Node(event, target=target)
    node = _Node(event)
    if event.anchor:
        anchors[event.anchor] = node
    return node


def _offset(event: Any) -> int:
    return int(event.start_mark.index)


def _syntax_error(error: libyaml.MarkedYAMLError) -> LangError:
    """go-yaml's message: a line where the mark has one, counted as its parser counts."""
    mark, line = error.problem_mark, 0
    if mark is not None and mark.line:
        line = mark.line + isinstance(error, libyaml.scanner.ScannerError)
    elif error.context_mark is not None and error.context_mark.line:
        line = error.context_mark.line
    where = f"line {line}: " if line else ""
    offset = int(mark.index) if mark is not None else None
    return LangError(ErrorKind.SYNTAX, f"yaml: {where}{error.problem}", offset)


class _Reader:
    """Builds the value of one document, expanding aliases under a cap."""

    def __init__(self, root: _Node, strict: bool, limits: Limits) -> None:
        self.root = root
        self.strict = strict
        self.positions: dict[Path, Position] = {}
        self.duplicates: list[str] = []
        self.active: list[_Node] = []
        self.aliased = 0
        self.built = 0
        self.limits = limits

    def document(self) -> Document:
        try:
            value = self._value(self.root, ())
        except RecursionError:
            raise LangError(ErrorKind.LIMIT, "yaml: nested too deeply") from None
        if self.duplicates:
            message = "yaml: unmarshal errors:\n  " + "\n  ".join(self.duplicates)
            raise LangError(ErrorKind.VALUE, message)
        return Document(value, self.positions)

    def _value(self, node: _Node, path: Path) -> Any:
        self._count()
        if len(path) > self.limits.nesting:
            raise LangError(ErrorKind.LIMIT, "yaml: nested too deeply", _offset(node.event))
        if path not in self.positions:
            self.positions[path] = node.position
        if node.target is not None:
            return self._alias(node, lambda target: self._value(target, path))
        if node.is_mapping:
            return self._mapping(node, path)
        if node.is_sequence:
            return [self._value(c, (*path, i)) for i, c in enumerate(node.children)]
        return _scalar(node.event)

    def _count(self) -> None:
        self.built += 1
        self.aliased += bool(self.active)
        if self.aliased > _FREE_NODES and self.aliased > _ALIAS_FACTOR * (
            self.built - self.aliased
        ):
            raise LangError(ErrorKind.LIMIT, "yaml: document contains excessive aliasing")

    def _alias(self, node: _Node, build: Any) -> Any:
        target = node.target
        assert target is not None
        if any(target is other for other in self.active):
            message = f"yaml: anchor '{node.event.anchor}' value contains itself"
            raise LangError(ErrorKind.VALUE, message, _offset(node.event))
        self.active.append(target)
        try:
            return build(target)
        finally:
            self.active.pop()

    def _mapping(self, node: _Node, path: Path) -> dict[str, Any]:
        result: dict[Any, Any] = {}
        self._fill(node, path, result)
        return {_json_key(key, value): value for (_, key), value in result.items()}

    def _fill(self, node: _Node, path: Path, result: dict[Any, Any]) -> None:
        pairs = iter(node.children)
        for key_node, value_node in zip(pairs, pairs, strict=True):
            if _is_merge(key_node):
                self._merge(value_node, path, result)
                continue
            key = self._key(key_node)
            # True and 1 are one key to Python and two to YAML.
            slot = (type(key), key)
            if self.strict and slot in result:
                line = value_node.position.line
                self.duplicates.append(f"line {line}: key {_go(key)} already set in map")
                continue
            inner = (*path, _key_text(key))
            self.positions[inner] = key_node.position
            result[slot] = self._value(value_node, inner)

    def _key(self, node: _Node) -> Any:
        key = self._value(node, ("<key>",))
        if isinstance(key, dict | list):
            raise LangError(
                ErrorKind.TYPE, f"yaml: invalid map key: {_go(key)}", _offset(node.event)
            )
        return key

    def _merge(self, node: _Node, path: Path, result: dict[Any, Any]) -> None:
        """`<<`: fields of another map, or of several of which the earlier ones win."""
        if node.target is not None:
            self._count()
            if node.target.is_mapping:
                self._alias(node, lambda target: self._fill(target, path, result))
                return
        elif node.is_mapping:
            self._fill(node, path, result)
            return
        elif node.is_sequence:
            for child in reversed(node.children):
                if not (child.is_mapping or (child.target and child.target.is_mapping)):
                    break
                self._merge(child, path, result)
            else:
                return
        message = "yaml: map merge requires map or sequence of maps as the value"
        raise LangError(ErrorKind.TYPE, message, _offset(node.event))


def _is_merge(node: _Node) -> bool:
    event = node.event
    if not isinstance(event, libyaml.ScalarEvent) or event.value != "<<":
        return False
    return event.tag == f"{yaml_scalars.PREFIX}merge" or (event.tag is None and not event.style)


def _scalar(event: Any) -> Any:
    if event.tag is not None and event.tag != "!":
        return yaml_scalars.tagged(event.tag, event.value)
    if event.style or event.tag == "!":
        return event.value
    found = yaml_scalars.plain(event.value)
    return found.value


def _json_key(key: Any, value: Any) -> str:
    if key is None:
        message = f"unsupported map key of type: %!s(<nil>), key: <nil>, value: {_go(value)}"
        raise LangError(ErrorKind.TYPE, message)
    return _key_text(key)


def _key_text(key: Any) -> str:
    match key:
        case str():
            return key
        case bool():
            return "true" if key else "false"
        case float():
            return strconv.format_float_g(key).replace("+Inf", ".inf").replace("-Inf", "-.inf")
        case None:
            return ""
        case _:
            return str(key)


def _go(value: Any) -> str:
    """A value as Go's `%#v` prints it."""
    match value:
        case None:
            return "interface {}(nil)"
        case bool():
            return "true" if value else "false"
        case str():
            return strconv.quote(value)
        case list():
            return "[]interface {}{" + ", ".join(map(_go, value)) + "}"
        case dict():
            pairs = ", ".join(f"{_go(k)}:{_go(v)}" for k, v in value.items())
            return "map[interface {}]interface {}{" + pairs + "}"
        case float():
            return strconv.format_float_g(value)
        case _:
            return str(value)
