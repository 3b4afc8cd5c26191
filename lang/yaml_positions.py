"""Where the values of a document are written: lines and columns by path, for messages.

Worked out only when somebody asks, on trees that `yaml_reading` has read without an error. What an
alias or a merge brings in is where it was written first. Caller: `yaml`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lang import yaml_reading
from lang.yaml_nodes import MAPPING, QUOTED, SEQUENCE, Node

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Position:
    """Where a node begins. Both count from 1."""

    line: int
    column: int


def of_node(node: Node) -> Position:
    """Where a node begins."""
    return Position(node.line, node.column)


def of_offset(text: str, offset: int) -> Position:
    """The place of an error's `position`, which counts characters."""
    before = text[:offset]
    start = before.rfind("\n") + 1
    return Position(before.count("\n") + 1, offset - start + 1)


def below(root: Node) -> Mapping[Path, Position]:
    """The position of every node by its path; a field is where its key is."""
    places: dict[Path, Position] = {}
    _visit(root, (), places)
    return places


def _visit(node: Node, path: Path, places: dict[Path, Position]) -> None:
    places.setdefault(path, of_node(node))
    target = node.target if node.target is not None else node
    if target.kind == MAPPING:
        _fields(target, path, places)
    elif target.kind == SEQUENCE:
        for index, child in enumerate(target.children):
            _visit(child, (*path, index), places)


def _fields(mapping: Node, path: Path, places: dict[Path, Position]) -> None:
    pairs = iter(mapping.children)
    for key, value in zip(pairs, pairs, strict=True):
        if yaml_reading.is_merge(key):
            for source in yaml_reading.merged(value):
                _fields(source.target if source.target is not None else source, path, places)
            continue
        inner = (*path, _name(key))
        places[inner] = of_node(key)
        _visit(value, inner, places)


def _name(key: Node) -> str:
    node = key.target if key.target is not None else key
    return yaml_reading.key_text(yaml_reading.scalar(node)) if node.kind <= QUOTED else ""
