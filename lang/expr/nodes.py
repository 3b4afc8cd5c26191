"""The syntax tree. Every node knows where it stands; children are nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Node:
    """`position` is a character offset into the source."""

    position: int


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """A literal."""

    value: Any


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A variable, a `let`, or `$env`."""

    name: str


@dataclass(frozen=True, slots=True)
class Pointer(Node):
    """`#`, `#acc`, `#index` inside a predicate."""

    name: str


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """`-`, `+`, `!`."""

    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """All operators with two sides."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Conditional(Node):
    """`c ? a : b` and if/else."""

    condition: Node
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True)
class Member(Node):
    """`a.b`, `a[b]`; `optional` for `?.`."""

    base: Node
    key: Node
    optional: bool
    dotted: bool


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """A run of members in which a `?.` may end everything with nil."""

    inner: Node


@dataclass(frozen=True, slots=True)
class Slice(Node):
    """`a[b:c]`."""

    base: Node
    start: Node | None
    end: Node | None


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A call of a method or of a function in the environment."""

    callee: Node
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Builtin(Node):
    """A call of a builtin function."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Predicate(Node):
    """`{# > 1}` or `# > 1` as an argument of a builtin."""

    body: Node


@dataclass(frozen=True, slots=True)
class Array(Node):
    """`[a, b]`."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Map(Node):
    """`{a: 1}`: keys and values."""

    pairs: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True, slots=True)
class Let(Node):
    """`let name = value; body`."""

    name: str
    value: Node
    body: Node


@dataclass(frozen=True, slots=True)
class Sequence(Node):
    """`a; b`: the value of the last."""

    items: tuple[Node, ...]
