"""The parsed template. `text` is what messages quote of a node; `column` is 0-based."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Node:
    """Where a node stands."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Text(Node):
    """Plain text."""

    text: str


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """A literal; `text` as written. nil is one, too."""

    value: Any
    text: str


@dataclass(frozen=True, slots=True)
class Dot(Node):
    """`.`"""

    text: str = "."


@dataclass(frozen=True, slots=True)
class Field(Node):
    """`.a.b`"""

    names: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Variable(Node):
    """`$x.a.b`"""

    name: str
    names: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Function(Node):
    """A function's name."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """`(pipeline).a.b`"""

    base: Pipe
    names: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Command(Node):
    """A function or value with its arguments."""

    arguments: tuple[Node, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Pipe(Node):
    """Commands, each fed with the value before; variables declared or assigned."""

    commands: tuple[Command, ...]
    variables: tuple[str, ...]
    declares: bool
    text: str


@dataclass(frozen=True, slots=True)
class Action(Node):
    """`{{pipeline}}`"""

    pipe: Pipe


@dataclass(frozen=True, slots=True)
class Branch(Node):
    """if, with, range."""

    keyword: str
    pipe: Pipe
    body: tuple[Node, ...]
    otherwise: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Jump(Node):
    """break, continue."""

    keyword: str


@dataclass(frozen=True, slots=True)
class Template(Node):
    """`{{template "name" pipeline}}`"""

    name: str
    pipe: Pipe | None
    text: str
