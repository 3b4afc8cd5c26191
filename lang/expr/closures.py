"""From a tree to nested Python closures: compiled once, run many times.

Every closure takes a `Frame` and returns a value. Errors get the position of the node they rose
in. Only loops can make a program long, so only they count steps. Semantics: expr-lang `vm/vm.go`.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError
from lang.expr import builtins, nodes, predicates, signatures, snippet, values
from lang.expr.frame import Closure, Frame
from lang.expr.nodes import Node


class _ChainEnded(Exception):
    """A `?.` met nil: the chain's value is nil."""


def compile(source: str, tree: Node) -> Closure:
    """The closure of a checked tree."""
    return Compiler(source).visit(tree)


@dataclass(slots=True)
class Compiler:
    """One compilation. `slots` are the `let` names in scope, by their place in the frame."""

    source: str
    slots: dict[str, int] = field(default_factory=dict)
    size: int = 0

    def visit(self, node: Node) -> Closure:
        """The closure of one node."""
        return _COMPILERS[type(node)](self, node)

    def placed(self, error: LangError, node: Node) -> LangError:
        """The error with its place, unless it has one."""
        if isinstance(error, snippet.Located):
            return error
        return snippet.error(error.kind, error.message, self.source, node.position)

    def guarded(self, node: Node, run: Closure) -> Closure:
        """`run` whose errors point at `node`."""

        def guard(frame: Frame) -> Any:
            try:
                return run(frame)
            except LangError as error:
                raise self.placed(error, node) from None
            except RecursionError:
                raise LangError(ErrorKind.LIMIT, "nested too deeply", node.position) from None

        return guard

    # -- leaves -----------------------------------------------------------------------------

    def constant(self, node: nodes.Constant) -> Closure:
        value = node.value
        return lambda _frame: value

    def name(self, node: nodes.Name) -> Closure:
        name = node.name
        if name == "$env":
            return lambda frame: frame.env
        slot = self.slots.get(name)
        if slot is not None:
            return lambda frame: frame.locals[slot]
        return lambda frame: frame.env.get(name)

    def pointer(self, node: nodes.Pointer) -> Closure:
        match node.name:
            case "acc":
                return lambda frame: frame.accumulator
            case "index":
                return lambda frame: frame.index
            case _:
                return lambda frame: frame.item

    # -- operators --------------------------------------------------------------------------

    def unary(self, node: nodes.Unary) -> Closure:
        operand = self.visit(node.operand)
        apply = {"not": _negation, "-": values.negate, "+": _plus}[node.operator]
        return self.guarded(node, lambda frame: apply(operand(frame)))

    def binary(self, node: nodes.Binary) -> Closure:
        left, right = self.visit(node.left), self.visit(node.right)
        match node.operator:
            case "and":
                return self._short(node, left, right, stop=False)
            case "or":
                return self._short(node, left, right, stop=True)
            case "??":
                return lambda frame: right(frame) if (v := left(frame)) is None else v
            case "==":
                return _equality(left, right, same=True)
            case "!=":
                return _equality(left, right, same=False)
            case "<" | ">" | "<=" | ">=":
                return self._ordering(node, left, right)
            case "..":
                return self.guarded(node, lambda frame: _range(frame, left(frame), right(frame)))
            case _:
                return self._applied(node, left, right)

    def _applied(self, node: nodes.Binary, left: Closure, right: Closure) -> Closure:
        name, apply = node.operator, _APPLY.get(node.operator)
        if apply is not None:
            return self.guarded(node, lambda frame: apply(left(frame), right(frame)))
        return self.guarded(
            node, lambda frame: values.text_operator(name, left(frame), right(frame))
        )

    def _short(self, node: Node, left: Closure, right: Closure, *, stop: bool) -> Closure:
        """`and` stops at the first false, `or` at the first true."""

        def run(frame: Frame) -> bool:
            value = left(frame)
            if value is (not stop):
                value = right(frame)
            if value is True:
                return True
            if value is False:
                return False
            raise self.placed(values.conversion(value, "bool"), node)

        return run

    def _ordering(self, node: nodes.Binary, left: Closure, right: Closure) -> Closure:
        name, compare = node.operator, _COMPARE[node.operator]

        def run(frame: Frame) -> bool:
            a, b = left(frame), right(frame)
            if type(a) is type(b) and type(a) in _QUICK:
                return compare(a, b)
            try:
                return values.less(name, a, b)
            except LangError as error:
                raise self.placed(error, node) from None

        return run

    def conditional(self, node: nodes.Conditional) -> Closure:
        condition, yes, no = map(self.visit, (node.condition, node.yes, node.no))

        def run(frame: Frame) -> Any:
            value = condition(frame)
            if value is True:
                return yes(frame)
            if value is False:
                return no(frame)
            raise self.placed(values.conversion(value, "bool"), node)

        return run

    # -- members and calls ------------------------------------------------------------------

    def member(self, node: nodes.Member) -> Closure:
        base, optional = self.visit(node.base), node.optional
        if isinstance(node.key, nodes.Constant) and isinstance(node.key.value, str):
            return self._field(node, base, node.key.value)
        key = self.visit(node.key)

        def run(frame: Frame) -> Any:
            value = base(frame)
            if optional and value is None:
                raise _ChainEnded
            return values.fetch(value, key(frame))

        return self.guarded(node, run)

    def _field(self, node: nodes.Member, base: Closure, name: str) -> Closure:
        optional = node.optional

        def run(frame: Frame) -> Any:
            value = base(frame)
            if type(value) is dict and name in value:
                return value[name]
            if optional and value is None:
                raise _ChainEnded
            try:
                return values.fetch(value, name)
            except LangError as error:
                raise self.placed(error, node) from None

        return run

    def chain(self, node: nodes.Chain) -> Closure:
        inner = self.visit(node.inner)

        def run(frame: Frame) -> Any:
            try:
                return inner(frame)
            except _ChainEnded:
                return None

        return run

    def slice(self, node: nodes.Slice) -> Closure:
        base = self.visit(node.base)
        start = self.visit(node.start) if node.start else _nothing
        end = self.visit(node.end) if node.end else _nothing
        return self.guarded(node, lambda frame: values.cut(base(frame), start(frame), end(frame)))

    def call(self, node: nodes.Call) -> Closure:
        callee = self.visit(node.callee)
        arguments = [self.visit(argument) for argument in node.arguments]

        def run(frame: Frame) -> Any:
            function = callee(frame)
            found = [argument(frame) for argument in arguments]
            if isinstance(function, values.Function):
                return called(function.name, function.call, found)
            text = "cannot call nil" if function is None else "cannot call non-function"
            raise LangError(ErrorKind.TYPE, f"invalid operation: {text}")

        return self.guarded(node, run)

    def builtin(self, node: nodes.Builtin) -> Closure:
        if signatures.predicate_at(node.name) is not None:
            return self.guarded(node, predicates.compile(self, node))
        name, function = node.name, builtins.TABLE[node.name]
        arguments = [self.visit(argument) for argument in node.arguments]
        if len(arguments) == 1:
            only = arguments[0]
            return self.guarded(node, lambda frame: called(name, function, (only(frame),)))
        return self.guarded(
            node, lambda frame: called(name, function, [each(frame) for each in arguments])
        )

    # -- composites -------------------------------------------------------------------------

    def array(self, node: nodes.Array) -> Closure:
        items = [self.visit(item) for item in node.items]
        return lambda frame: [item(frame) for item in items]

    def map(self, node: nodes.Map) -> Closure:
        pairs = [(self.visit(key), self.visit(value)) for key, value in node.pairs]

        def run(frame: Frame) -> dict[str, Any]:
            found: dict[str, Any] = {}
            for key, value in reversed(pairs):  # of equal keys the first one stays
                name = key(frame)
                if not isinstance(name, str):
                    raise values.conversion(name, "string")
                found[name] = value(frame)
            return dict(reversed(found.items()))

        return self.guarded(node, run)

    def let(self, node: nodes.Let) -> Closure:
        value = self.visit(node.value)
        slot, self.size = self.size, self.size + 1
        outer, self.slots = self.slots, {**self.slots, node.name: slot}
        body = self.visit(node.body)
        self.slots = outer

        def run(frame: Frame) -> Any:
            frame.locals[slot] = value(frame)
            return body(frame)

        return run

    def sequence(self, node: nodes.Sequence) -> Closure:
        items = [self.visit(item) for item in node.items]

        def run(frame: Frame) -> Any:
            value = None
            for item in items:
                value = item(frame)
            return value

        return run


def called(name: str, function: Callable[..., Any], arguments: Any) -> Any:
    """A function's value; what Python says of bad arguments becomes a LangError."""
    try:
        return function(*arguments)
    except LangError:
        raise
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        text = f"invalid arguments to call {name}"
        raise LangError(ErrorKind.TYPE, text) from error


def _nothing(_frame: Frame) -> None:
    return None


def _negation(value: Any) -> bool:
    if value is not True and value is not False:
        raise values.conversion(value, "bool")
    return not value


def _plus(value: Any) -> Any:
    return values.negate(values.negate(value))


def _equality(left: Closure, right: Closure, *, same: bool) -> Closure:
    def run(frame: Frame) -> bool:
        a, b = left(frame), right(frame)
        if type(a) is type(b) and type(a) in _QUICK:
            return bool((a == b) is same)
        return values.equal(a, b) is same

    return run


def _range(frame: Frame, low: Any, high: Any) -> list[int]:
    for bound in (low, high):
        if not isinstance(bound, int) or isinstance(bound, bool):
            raise LangError(ErrorKind.TYPE, f"invalid operation: int({values.go_type(bound)})")
    size = high - low + 1
    if size > DEFAULT_LIMITS.steps:
        raise LangError(ErrorKind.LIMIT, "memory budget exceeded")
    frame.spend(max(0, size))
    return list(range(low, high + 1))


_QUICK = frozenset([int, str, float])
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_APPLY: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": values.add,
    "-": values.subtract,
    "*": values.multiply,
    "/": values.divide,
    "%": values.modulo,
    "**": values.power,
    "in": values.contains,
}
_COMPILERS: dict[type[Node], Callable[..., Closure]] = {
    nodes.Constant: Compiler.constant,
    nodes.Name: Compiler.name,
    nodes.Pointer: Compiler.pointer,
    nodes.Unary: Compiler.unary,
    nodes.Binary: Compiler.binary,
    nodes.Conditional: Compiler.conditional,
    nodes.Member: Compiler.member,
    nodes.Chain: Compiler.chain,
    nodes.Slice: Compiler.slice,
    nodes.Call: Compiler.call,
    nodes.Builtin: Compiler.builtin,
    nodes.Array: Compiler.array,
    nodes.Map: Compiler.map,
    nodes.Let: Compiler.let,
    nodes.Sequence: Compiler.sequence,
}
