"""YAML as kubectl and Argo read it: sigs.k8s.io/yaml (YAML 1.1) on libyaml's parser.

Owns documents with their positions, and the way back to text. Values are JSON trees: keys are
texts. Hostile input is an error with a position, soon and in little memory: `yaml_nodes` caps size,
values and depth, `yaml_reading` what aliases multiply.
Callers: the CLI and API server (manifests), podSpecPatch, lint.
"""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from typing import Any

from lang import gojson, strconv, yaml_emit, yaml_nodes, yaml_positions, yaml_reading
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError, Limits
from lang.yaml_nodes import Node
from lang.yaml_positions import Path, Position

_ENCODINGS = (
    # The mark of UTF-16 little endian begins that of UTF-32: longer ones first.
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Document:
    """One document: its JSON tree and the position of every node by its path."""

    __slots__ = ("_positions", "_root", "value")

    def __init__(self, value: Any, root: Node) -> None:
        self.value = value
        self._root = root
        self._positions: Mapping[Path, Position] | None = None

    def __repr__(self) -> str:
        return f"<Document at line {self._root.line}>"

    @property
    def positions(self) -> Mapping[Path, Position]:
        """Worked out when first asked for."""
        if self._positions is None:
            self._positions = yaml_positions.below(self._root)
        return self._positions

    def position(self, path: Path) -> Position | None:
        """The position of a node, or of the nearest node above it."""
        if not path:
            return yaml_positions.of_node(self._root)
        positions = self.positions
        while path not in positions and path:
            path = path[:-1]
        return positions.get(path)


def load_all(text: str, *, strict: bool = False, limits: Limits = DEFAULT_LIMITS) -> list[Document]:
    """The documents of a text; empty ones are left out. Raises LangError(SYNTAX, TYPE, LIMIT).

    `strict` refuses a key that is given twice; otherwise the later one stands.
    """
    documents = []
    for root in yaml_nodes.roots(text, limits):
        value = yaml_reading.Reader(strict, limits).read(root)
        if value is not None:
            documents.append(Document(value, root))
    return documents


def load(text: str, *, strict: bool = False, limits: Limits = DEFAULT_LIMITS) -> Any:
    """The JSON tree of the first document; None where there is none."""
    for root in yaml_nodes.roots(text, limits):
        return yaml_reading.Reader(strict, limits).read(root)
    return None


def decode(content: bytes) -> str:
    """The text of a file: UTF-8, or what its byte order mark says. Raises LangError(SYNTAX)."""
    encoding = next((name for mark, name in _ENCODINGS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"yaml: line {line}: not {encoding.upper()} text (byte {error.start})"
        raise LangError(ErrorKind.SYNTAX, message, error.start) from None


def where(text: str, error: LangError) -> Position | None:
    """The place that an error of reading `text` is about, where it has one."""
    return None if error.position is None else yaml_positions.of_offset(text, error.position)


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
