"""The parsed template.

`position` is the 0-based offset in the source that messages point at; `text` is the node as Go
writes it out, which messages quote.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Node:
    """Where a node stands, and how messages show it."""

    position: int
    text: str


@dataclass(frozen=True, slots=True)
class Text(Node):
    """Plain text, which is `text` itself."""


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """true, false, nil or a string."""

    value: Any


@dataclass(frozen=True, slots=True)
class Number(Node):
    """A number or character, which takes the type that is asked for.

    `value` is what it is on its own, None where it is too large.
    """

    value: int | float | complex | None
    integer: int | None
    real: float | None


@dataclass(frozen=True, slots=True)
class Dot(Node):
    """`.`"""


@dataclass(frozen=True, slots=True)
class Field(Node):
    """`.a.b`"""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Variable(Node):
    """`$x.a.b`"""

    name: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Function(Node):
    """A function's name."""

    name: str


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """`(pipeline).a.b`, `name.a.b`"""

    base: Node
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Command(Node):
    """A function or value with its arguments."""

    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Pipe(Node):
    """Commands, each fed with the value before; variables declared or assigned."""

    commands: tuple[Command, ...]
    variables: tuple[str, ...]
    declares: bool


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
    """break, continue; `text` is the keyword."""


@dataclass(frozen=True, slots=True)
class Ending(Node):
    """`{{end}}` or `{{else}}`, which never stays in a tree."""


@dataclass(frozen=True, slots=True)
class Template(Node):
    """`{{template "name" pipeline}}`"""

    name: str
    pipe: Pipe | None
