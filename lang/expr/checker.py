"""Type errors that are certain before anything runs. Source: expr-lang `checker/checker.go`.

Owns the walk over the tree with static types; builtins are judged in `check_builtins`. What may
work at run time passes. Caller: `program`, once for each shape of environment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lang import regex
from lang.errors import ErrorKind, LangError
from lang.expr import check_builtins, methods, nodes, signatures, types
from lang.expr.nodes import Node
from lang.expr.snippet import error
from lang.expr.types import Type

ORDERED = ("int", "float", "duration", "string", "time")


def check(source: str, tree: Node, names: Mapping[str, Type] | None) -> Type:
    """The type of the whole. `names` None: nothing is known of the environment.

    Raises LangError(NAME) for a name that `names` does not have, LangError(TYPE) otherwise.
    """
    return Checker(source, names).visit(tree)


@dataclass(slots=True)
class Checker:
    """One walk. `scopes` are the types of `let` names, `elements` those of `#`, innermost last."""

    source: str
    names: Mapping[str, Type] | None
    scopes: list[tuple[str, Type]] = field(default_factory=list)
    elements: list[Type] = field(default_factory=list)

    def fail(self, node: Node, message: str, kind: ErrorKind = ErrorKind.TYPE) -> LangError:
        """The error at a node."""
        return error(kind, message, self.source, node.position)

    def visit(self, node: Node) -> Type:
        """The type of one node."""
        return _VISITORS[type(node)](self, node)

    # -- leaves -----------------------------------------------------------------------------

    def constant(self, node: nodes.Constant) -> Type:
        if node.value is None and self.names is None:
            return types.UNTYPED_NIL
        return types.of(node.value)

    def name(self, node: nodes.Name) -> Type:
        for name, known in reversed(self.scopes):
            if name == node.name:
                return known
        if node.name == "$env" or self.names is None:
            return types.UNKNOWN
        found = self.names.get(node.name)
        if found is not None:
            return found
        if node.name in signatures.BUILTINS:
            return types.UNKNOWN
        raise self.fail(node, f"unknown name {node.name}", ErrorKind.NAME)

    def pointer(self, node: nodes.Pointer) -> Type:
        if node.name == "acc":
            return types.UNKNOWN
        return types.INT if node.name == "index" else self.elements[-1]

    # -- operators --------------------------------------------------------------------------

    def unary(self, node: nodes.Unary) -> Type:
        operand = self.visit(node.operand)
        if node.operator == "not":
            if operand.kind in {"bool", "unknown"}:
                return types.BOOL
        elif operand.kind in types.NUMBERS or operand.kind == "unknown":
            return operand
        shown = "!" if self.source.startswith("!", node.position) else node.operator
        raise self.fail(node, f"invalid operation: {shown} (mismatched type {operand})")

    def binary(self, node: nodes.Binary) -> Type:
        left, right = self.visit(node.left), self.visit(node.right)
        found = _OPERATORS[node.operator](self, node, left, right)
        if found is None:
            shown = _written(self.source, node)
            text = f"invalid operation: {shown} (mismatched types {left} and {right})"
            raise self.fail(node, text)
        return found

    def conditional(self, node: nodes.Conditional) -> Type:
        condition = self.visit(node.condition)
        if condition.kind not in {"bool", "unknown"}:
            text = f"non-bool expression (type {condition}) used as condition"
            raise self.fail(node.condition, text)
        yes, no = self.visit(node.yes), self.visit(node.no)
        if yes.kind == "nil":
            return no if no.kind == "nil" else types.UNKNOWN
        return yes if no == yes else types.UNKNOWN

    # -- members and calls ------------------------------------------------------------------

    def member(self, node: nodes.Member) -> Type:
        return self._member(node, called=False)

    def _member(self, node: nodes.Member, *, called: bool) -> Type:
        base, key = self.visit(node.base), self.visit(node.key)
        if base.kind == "unknown":
            return types.UNKNOWN
        name = node.key.value if isinstance(node.key, nodes.Constant) else None
        if isinstance(name, str):
            method = methods.type_of(base, name)
            if method is not None:
                return method
            if base.kind == "nil":
                raise self.fail(node.key, f"type nil has no field {name}")
        if base.fields is not None and isinstance(name, str) and name in base.fields:
            return base.fields[name]
        if base.kind == "map":
            if key.kind not in {"string", "unknown"}:
                text = f"cannot use {key} to get an element from {base}"
                raise self.fail(node.key, text)
            return base.element or types.UNKNOWN
        if base.kind == "array":
            if key.kind not in {*types.INTEGERS, "unknown"}:
                text = f"array elements can only be selected using an integer (got {key})"
                raise self.fail(node.key, text)
            return base.element or types.UNKNOWN
        if isinstance(name, str):
            what = "method" if called else "field"
            raise self.fail(node.key, f"type {base} has no {what} {name}")
        raise self.fail(node, f"type {base}[{key}] is undefined")

    def slice(self, node: nodes.Slice) -> Type:
        base = self.visit(node.base)
        if base.kind not in {"string", "array", "unknown"}:
            raise self.fail(node, f"cannot slice {base}")
        for bound in (node.start, node.end):
            if bound is not None:
                kind = self.visit(bound)
                if kind.kind not in {*types.INTEGERS, "unknown"}:
                    raise self.fail(bound, f"non-integer slice index {kind}")
        return base

    def call(self, node: nodes.Call) -> Type:
        callee = (
            self._member(node.callee, called=True)
            if isinstance(node.callee, nodes.Member)
            else self.visit(node.callee)
        )
        for argument in node.arguments:
            self.visit(argument)
        if callee.kind == "func":
            return callee.returns or types.UNKNOWN
        if callee.kind == "unknown":
            return types.UNKNOWN
        raise self.fail(node, f"{callee} is not callable")

    # -- composites -------------------------------------------------------------------------

    def array(self, node: nodes.Array) -> Type:
        found = [self.visit(item) for item in node.items]
        if found and all(item.kind == found[0].kind for item in found):
            return types.array(found[-1])
        return types.ARRAY

    def map(self, node: nodes.Map) -> Type:
        for key, value in node.pairs:
            self.visit(key)
            self.visit(value)
        return types.MAP

    def let(self, node: nodes.Let) -> Type:
        if node.name in signatures.BUILTINS:
            raise self.fail(node, f"cannot redeclare builtin {node.name}")
        if any(node.name == name for name, _ in self.scopes):
            raise self.fail(node, f"cannot redeclare variable {node.name}")
        if self.names is not None and node.name in self.names:
            what = "function " if self.names[node.name].kind == "func" else ""
            raise self.fail(node, f"cannot redeclare {what}{node.name}")
        value = self.visit(node.value)
        self.scopes.append((node.name, types.UNKNOWN if value.kind == "nil" else value))
        try:
            return self.visit(node.body)
        finally:
            self.scopes.pop()

    def sequence(self, node: nodes.Sequence) -> Type:
        return [self.visit(item) for item in node.items][-1]

    def predicate(self, node: nodes.Predicate, element: Type) -> Type:
        """The type of a predicate's body over elements of one type."""
        self.elements.append(element)
        try:
            return self.visit(node.body)
        finally:
            self.elements.pop()


def _written(source: str, node: nodes.Binary) -> str:
    """The operator as it stands in the source: `&&`, not `and`."""
    for form in ("&&", "||", "^"):
        if source.startswith(form, node.position):
            return form
    return node.operator


# -- operators ------------------------------------------------------------------------------

Rule = Callable[[Checker, nodes.Binary, Type, Type], Type | None]


def _either(left: Type, right: Type, *kinds: str) -> bool:
    """Both sides of one kind, or one of any of the kinds and the other not known."""
    if left.kind == "unknown" or right.kind == "unknown":
        return {left.kind, right.kind} <= {"unknown", *kinds}
    return False


def _equality(_c: Checker, _n: nodes.Binary, left: Type, right: Type) -> Type | None:
    return types.BOOL if types.comparable(left, right) else None


def _logic(_c: Checker, _n: nodes.Binary, left: Type, right: Type) -> Type | None:
    return types.BOOL if {left.kind, right.kind} <= {"bool", "unknown"} else None


def _order(_c: Checker, _n: nodes.Binary, left: Type, right: Type) -> Type | None:
    numbers = left.kind in types.NUMBERS and right.kind in types.NUMBERS
    same = left.kind == right.kind and left.kind in ORDERED
    return types.BOOL if numbers or same or _either(left, right, *ORDERED) else None


def _combined(left: Type, right: Type) -> Type:
    if left.kind == "duration" or right.kind == "duration":
        return types.DURATION
    return types.FLOAT if "float" in {left.kind, right.kind} else types.INT


def _plus(_c: Checker, _n: nodes.Binary, left: Type, right: Type) -> Type | None:
    if left.kind in types.NUMBERS and right.kind in types.NUMBERS:
        return _combined(left, right)
    if left.kind == right.kind == "string":
        return types.STRING
    if {left.kind, right.kind} == {"time", "duration"}:
        return types.TIME
    return types.UNKNOWN if _either(left, right, *ORDERED) else None


def _minus(_c: Checker, _n: nodes.Binary, left: Type, right: Type) -> Type | None:
    if left.kind in types.NUMBERS and right.kind in types.NUMBERS:
        return _combined(left, right)
    if left.kind == "time" and right.kind in {"time", "duration"}:
        return types.DURATION if right.kind == "time" else types.TIME
    known = _either(left, right, "int", "float", "duration", "time")
    return types.UNKNOWN if known else None


def _times(_c: Checker, _n: nodes.Binary, left: Type, right: Type) -> Type | None:
    if left.kind in types.NUMBERS and right.kind in types.NUMBERS:
        return _combined(left, right)
    return types.UNKNOWN if _either(left, right, *types.NUMBERS) else None


def _quotient(_c: Checker, _n: nodes.Binary, left: Type, right: Type) -> Type | None:
    return types.FLOAT if {left.kind, right.kind} <= {*types.NUMBERS, "unknown"} else None


def _modulo(checker: Checker, node: nodes.Binary, left: Type, right: Type) -> Type | None:
    if not {left.kind, right.kind} <= {*types.INTEGERS, "unknown"}:
        return None
    constants = isinstance(node.left, nodes.Constant) and isinstance(node.right, nodes.Constant)
    if constants and isinstance(node.right, nodes.Constant) and node.right.value == 0:
        raise checker.fail(node, "integer divide by zero")
    return types.INT


def _range(_c: Checker, _n: nodes.Binary, left: Type, right: Type) -> Type | None:
    known = {left.kind, right.kind} <= {*types.INTEGERS, "unknown"}
    return types.array(types.INT) if known else None


def _membership(checker: Checker, node: nodes.Binary, left: Type, right: Type) -> Type | None:
    match right.kind:
        case "map":
            if left.kind not in {"string", "unknown"}:
                raise checker.fail(node, f"cannot use {left} as type string in map key")
            return types.BOOL
        case "array":
            element = right.element or types.UNKNOWN
            if not types.comparable(left, element):
                raise checker.fail(node, f"cannot use {left} as type {element} in array")
            return types.BOOL
        case "unknown":
            return types.BOOL
        case _:
            return None


def _text(checker: Checker, node: nodes.Binary, left: Type, right: Type) -> Type | None:
    pattern = node.right.value if isinstance(node.right, nodes.Constant) else None
    if node.operator == "matches" and isinstance(pattern, str):
        try:
            regex.compile(pattern)
        except LangError as problem:
            raise checker.fail(node, problem.message) from None
    return types.BOOL if {left.kind, right.kind} <= {"string", "unknown"} else None


def _coalesce(_c: Checker, _n: nodes.Binary, left: Type, right: Type) -> Type | None:
    if left.kind == "nil":
        return right
    return left if right.kind == "nil" or left == right else types.UNKNOWN


_OPERATORS: dict[str, Rule] = {
    **dict.fromkeys(("==", "!="), _equality),
    **dict.fromkeys(("and", "or"), _logic),
    **dict.fromkeys(("<", ">", "<=", ">="), _order),
    "+": _plus,
    "-": _minus,
    "*": _times,
    **dict.fromkeys(("/", "**"), _quotient),
    "%": _modulo,
    "..": _range,
    "in": _membership,
    **dict.fromkeys(("matches", "contains", "startsWith", "endsWith"), _text),
    "??": _coalesce,
}

_VISITORS: dict[type[Node], Callable[..., Type]] = {
    nodes.Constant: Checker.constant,
    nodes.Name: Checker.name,
    nodes.Pointer: Checker.pointer,
    nodes.Unary: Checker.unary,
    nodes.Binary: Checker.binary,
    nodes.Conditional: Checker.conditional,
    nodes.Member: Checker.member,
    nodes.Chain: lambda checker, node: checker.visit(node.inner),
    nodes.Slice: Checker.slice,
    nodes.Call: Checker.call,
    nodes.Builtin: lambda checker, node: check_builtins.check(checker, node),
    nodes.Array: Checker.array,
    nodes.Map: Checker.map,
    nodes.Let: Checker.let,
    nodes.Sequence: Checker.sequence,
}
