"""The syntax tree of YAML texts: small nodes with their marks, built from libyaml's events.

Owns parsing, aliases, and the caps that keep hostile texts cheap (size, nodes, depth). A node costs
about 250 bytes, which is why libyaml's own event objects are let go at once. Caller: `yaml`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import yaml as libyaml

# The parser written in C or none: the other one is ten times slower.
from yaml.cyaml import CBaseLoader

from lang.errors import ErrorKind, LangError, Limits

MAX_SOURCE = 32 * 1024 * 1024
MAX_NODES = 250_000
"""Values and keys of one text, all documents together: 5 MB of ordinary manifests. The largest
object that Kubernetes stores (1.5 MB) has about a quarter."""

MAX_DOCUMENTS = 20_000

PLAIN, QUOTED, SEQUENCE, MAPPING, ALIAS = range(5)
"""What a node is."""


class Node:
    """One node. `text` of an alias is its anchor; `children` of a mapping alternate key, value.

    `line` and `column` count from 1, `offset` counts characters of the text from 0.
    """

    __slots__ = ("children", "column", "kind", "line", "offset", "tag", "target", "text")

    def __init__(self, kind: int, mark: Any, text: str = "", tag: str | None = None) -> None:
        self.kind = kind
        self.line: int = mark.line + 1
        self.column: int = mark.column + 1
        self.offset: int = mark.index
        self.text = text
        self.tag = tag
        self.children: Sequence[Node] = ()
        self.target: Node | None = None  # what an alias stands for

    def __repr__(self) -> str:
        names = ("plain", "quoted", "sequence", "mapping", "alias")
        return f"<{names[self.kind]} {self.text!r} at {self.line}:{self.column}>"


def roots(text: str, limits: Limits) -> Iterator[Node]:
    """The root node of each document. Raises LangError(SYNTAX, NAME, LIMIT) with a position."""
    if len(text) > MAX_SOURCE:
        raise LangError(ErrorKind.LIMIT, "yaml: document is too large", MAX_SOURCE)
    try:
        yield from _Composer(CBaseLoader(text), limits).roots()
    except libyaml.MarkedYAMLError as error:
        raise _syntax_error(error) from None
    except libyaml.reader.ReaderError as error:
        raise LangError(ErrorKind.SYNTAX, f"yaml: {error.reason}", error.position) from None
    except UnicodeEncodeError as error:
        message = "yaml: invalid Unicode character"
        raise LangError(ErrorKind.SYNTAX, message, error.start) from None


class _Composer:
    """Turns the events of one text into nodes."""

    def __init__(self, loader: Any, limits: Limits) -> None:
        self._loader = loader
        self._limits = limits
        self._anchors: dict[str, Node] = {}
        self._open: list[Node] = []
        self._children: list[list[Node]] = []  # of the open nodes, so far
        self._documents = 0

    def roots(self) -> Iterator[Node]:
        """One after another; an error of a later document comes when it is reached."""
        next_event, count = self._loader.get_event, 0
        while (event := next_event()) is not None:
            kind = type(event)
            if kind is libyaml.ScalarEvent:
                style = QUOTED if event.style else PLAIN
                node = Node(style, event.start_mark, event.value, event.tag)
                if event.anchor:
                    self._anchors[event.anchor] = node
            elif kind is libyaml.SequenceEndEvent or kind is libyaml.MappingEndEvent:
                node = self._end()
            elif kind is libyaml.AliasEvent:
                node = self._alias(event)
            elif kind is libyaml.DocumentStartEvent:
                self._begin_document(event)
                continue
            else:
                if kind is libyaml.MappingStartEvent or kind is libyaml.SequenceStartEvent:
                    self._begin(event)
                continue
            count += 1
            if count > MAX_NODES:
                raise _too_many(event, f"{MAX_NODES} values")
            if self._children:
                self._children[-1].append(node)
            else:
                yield node

    def _begin_document(self, event: Any) -> None:
        self._anchors = {}
        self._documents += 1
        if self._documents > MAX_DOCUMENTS:
            raise _too_many(event, f"{MAX_DOCUMENTS} documents")

    def _begin(self, event: Any) -> None:
        mapping = type(event) is libyaml.MappingStartEvent
        if len(self._open) >= self._limits.nesting:
            offset = int(event.start_mark.index)
            raise LangError(ErrorKind.LIMIT, "yaml: nested too deeply", offset)
        node = Node(MAPPING if mapping else SEQUENCE, event.start_mark)
        if event.anchor:
            self._anchors[event.anchor] = node
        self._open.append(node)
        self._children.append([])

    def _end(self) -> Node:
        node = self._open.pop()
        node.children = self._children.pop()
        return node

    def _alias(self, event: Any) -> Node:
        node = Node(ALIAS, event.start_mark, event.anchor or "")
        node.target = self._anchors.get(node.text)
        if node.target is None:
            message = f"yaml: unknown anchor '{node.text}' referenced"
            raise LangError(ErrorKind.NAME, message, node.offset)
        return node


def _too_many(event: Any, what: str) -> LangError:
    mark = event.start_mark
    message = f"yaml: line {mark.line + 1}: more than {what} in one text"
    return LangError(ErrorKind.LIMIT, message, int(mark.index))


def _syntax_error(error: libyaml.MarkedYAMLError) -> LangError:
    """go-yaml's message: a line where the mark has one, counted as its parser counts."""
    mark, line = error.problem_mark, 0
    if mark is not None and mark.line:
        line = mark.line + isinstance(error, libyaml.scanner.ScannerError)
    elif error.context_mark is not None and error.context_mark.line:
        line = error.context_mark.line
    where = f"line {line}: " if line else ""
    mark = mark if mark is not None else error.context_mark
    offset = int(mark.index) if mark is not None else None
    return LangError(ErrorKind.SYNTAX, f"yaml: {where}{error.problem}", offset)
