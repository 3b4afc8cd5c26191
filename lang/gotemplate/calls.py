"""Evaluating pipelines: commands, fields, variables and calls. Source: `text/template/exec.go`.

Errors tell the node that was looked at last, as Go's do, and count its column in bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from lang import gofmt
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError
from lang.expr import methods
from lang.gotemplate import arguments, functions, nodes
from lang.gotemplate.arguments import NO_VALUE
from lang.gotemplate.nodes import Node
from lang.gotypes import Duration
from lang.sprig import casting
from lang.sprig.registry import ESCAPES, Function

_NONE: Any = object()  # no value is fed in by a pipeline
_Given = tuple[tuple[Node, ...], Any, Any]  # arguments, dot to find them in, what is piped in
_NOTHING: _Given = ((), None, _NONE)


class Calls:
    """The state of a run that values need."""

    def __init__(self, name: str, source: str, root: Any) -> None:
        self._name = self._current = name
        self._source = source
        self._here: Node | None = None
        self._steps = DEFAULT_LIMITS.steps
        self._variables: list[tuple[str, Any]] = [("$", root)]
        self._boxed = False  # dot is an item of a list, of which only an interface is known

    def _spend(self) -> None:
        self._steps -= 1
        if self._steps < 0:
            raise LangError(ErrorKind.LIMIT, "step budget exceeded")

    def _fail(self, message: str) -> LangError:
        """An error as Go words it, at the node that was looked at last."""
        assert self._here is not None
        at = self._here.position
        start = self._source.rfind("\n", 0, at) + 1
        line = self._source.count("\n", 0, at) + 1
        column = len(self._source[start:at].encode(errors="replace"))
        where = f"template: {self._name}:{line}:{column}: executing {gofmt.sharp_v(self._current)}"
        return LangError(ErrorKind.VALUE, f"{where} at <{self._here.text}>: {message}", at)

    # -- variables --------------------------------------------------------------------------

    def _set(self, pipe: nodes.Pipe, name: str, value: Any) -> None:
        if pipe.declares:
            self._variables.append((name, value))
            return
        for index in range(len(self._variables) - 1, -1, -1):
            if self._variables[index][0] == name:
                self._variables[index] = (name, value)
                return
        raise self._fail(f"undefined variable: {name}")

    def _lookup(self, name: str) -> Any:
        for known, value in reversed(self._variables):
            if known == name:
                return value
        raise self._fail(f"undefined variable: {name}")

    # -- pipelines --------------------------------------------------------------------------

    def _pipe(self, pipe: nodes.Pipe, dot: Any) -> Any:
        """The value; nil has become NO_VALUE."""
        self._here = pipe
        value = _NONE
        for command in pipe.commands:
            value = self._command(command, dot, value)
            if value is None:
                value = NO_VALUE
        for name in pipe.variables:
            self._set(pipe, name, value)
        return value

    def _command(self, command: nodes.Command, dot: Any, final: Any) -> Any:
        self._spend()
        first = command.arguments[0]
        if isinstance(first, nodes.Function):
            self._here = first
            return self._function(first.name, command, command.arguments[1:], dot, final)
        if isinstance(first, (nodes.Field, nodes.Chain)) or (
            isinstance(first, nodes.Variable) and first.names
        ):
            return self._fields(first, command.arguments[1:], dot, final)
        if not isinstance(first, nodes.Pipe):
            self._here = first
        if len(command.arguments) > 1 or final is not _NONE:
            raise self._fail(f"can't give argument to non-function {first.text}")
        if isinstance(first, nodes.Constant) and first.value is None:
            raise self._fail("nil is not a command")
        return self._value(first, dot)

    def _value(self, node: Node, dot: Any) -> Any:
        """An operand where any type will do."""
        self._here = node
        match node:
            case nodes.Field() | nodes.Chain():
                return self._fields(node, (), dot, _NONE)
            case nodes.Variable():
                if node.names:
                    return self._fields(node, (), dot, _NONE)
                return self._lookup(node.name)
            case nodes.Dot():
                return dot
            case nodes.Constant():
                return node.value
            case nodes.Number():
                return self._fitting(arguments.ideal, node)
            case nodes.Pipe():
                return self._pipe(node, dot)
            case nodes.Function():
                return self._function(node.name, node, (), dot, _NONE)
            case _:
                raise AssertionError(node)

    def _fitting(self, rule: Callable[..., Any], *given: Any) -> Any:
        try:
            return rule(*given)
        except arguments.Misfit as misfit:
            raise self._fail(str(misfit)) from None

    # -- fields -----------------------------------------------------------------------------

    def _fields(self, node: Node, rest: tuple[Node, ...], dot: Any, final: Any) -> Any:
        self._here = node
        if isinstance(node, nodes.Field):
            value, names = dot, node.names
        elif isinstance(node, nodes.Variable):
            value, names = self._lookup(node.name), node.names
        else:
            assert isinstance(node, nodes.Chain)
            if isinstance(node.base, nodes.Constant) and node.base.value is None:
                raise self._fail(f"indirection through explicit nil in {node.text}")
            value, names = self._value(node.base, dot), node.names
        if not rest and final is _NONE:
            for index, name in enumerate(names):  # the common way: a look-up in a mapping
                value = (
                    value.get(name, NO_VALUE)
                    if type(value) is dict
                    else self._field(value, name, node, not index, _NOTHING)
                )
            return value
        for index, name in enumerate(names[:-1]):
            value = self._field(value, name, node, not index, _NOTHING)
        return self._field(value, names[-1], node, len(names) == 1, (rest, dot, final))

    def _field(self, base: Any, name: str, node: Node, first: bool, given: _Given) -> Any:
        """One step of a chain; `first` where nothing but the chain's start came before."""
        rest, dot, final = given
        if base is NO_VALUE:
            return NO_VALUE
        if base is None:
            raise self._fail(f"nil pointer evaluating interface {{}}.{name}")
        method = _method(base, name)
        if method is not None:
            values = [arguments.fitted(self._value(each, dot), "a") for each in rest]
            values += [] if final is _NONE else [arguments.fitted(final, "a")]
            return self._called(name, node, method, values)
        if isinstance(base, dict):
            if rest or final is not _NONE:
                raise self._fail(f"{name} is not a method but has arguments")
            return base.get(name, NO_VALUE)
        # What Go knows of a value: its type at first, an interface from a map or a list.
        boxed = not first or (isinstance(node, nodes.Field) and self._boxed)
        known = "interface {}" if boxed and isinstance(base, _JSON) else gofmt.type_name(base)
        raise self._fail(f"can't evaluate field {name} in type {known}")

    # -- calls ------------------------------------------------------------------------------

    def _function(self, name: str, node: Node, rest: tuple[Node, ...], dot: Any, final: Any) -> Any:
        function = functions.TABLE[name]
        count = len(rest) + (final is not _NONE)
        least = len(function.parameters)
        if count < least or (function.rest is None and count > least):
            want = f"at least {least} got {len(rest)}" if function.rest else f"{least} got {count}"
            raise self._fail(f"wrong number of args for {name}: want {want}")
        if name in functions.LAZY:
            return self._lazy(rest, dot, final, stops_at_false=name == "and")
        kinds = function.parameters + (function.rest or "") * (count - least)
        values = [self._argument(each, kind, dot) for each, kind in zip(rest, kinds, strict=False)]
        if final is not _NONE:
            values.append(self._fitting(arguments.fitted, final, kinds[count - 1]))
        if name == "call":
            values.insert(0, rest[0].text if rest else gofmt.v(final))
        return self._called(name, node, function, values)

    def _charge(self, pace: int, *values: Any) -> None:
        """Spend for the size of what a call is given and gives, not only for the call."""
        for value in values:
            if isinstance(value, (str, list, dict)):
                self._steps -= len(value) // pace
        if self._steps < 0:
            raise LangError(ErrorKind.LIMIT, "step budget exceeded")

    def _called(self, name: str, node: Node, call: Callable[..., Any], values: list[Any]) -> Any:
        run, pace = (call.call, call.pace) if isinstance(call, Function) else (call, 64)
        self._charge(pace, *values)
        try:
            found = run(*values)
        except LangError as error:
            if error.kind is ErrorKind.LIMIT:
                raise
            self._here = node
            raise self._fail(f"error calling {name}: {error.message}") from None
        except ESCAPES:
            self._here = node
            raise self._fail(f"error calling {name}: invalid argument") from None
        if isinstance(found, str) and len(found) > DEFAULT_LIMITS.result:
            raise LangError(ErrorKind.LIMIT, "a text in the template is too large")
        self._charge(pace, found)
        return found

    def _lazy(self, rest: tuple[Node, ...], dot: Any, final: Any, *, stops_at_false: bool) -> Any:
        """`and`, `or`: the rest is not looked at once the result is known."""
        value: Any = None
        for node in rest:
            value = self._argument(node, "a", dot)
            if casting.is_empty(value) == stops_at_false:
                return value
        return value if final is _NONE else arguments.fitted(final, "a")

    def _argument(self, node: Node, kind: str, dot: Any) -> Any:
        if isinstance(node, (nodes.Constant, nodes.Number)):
            self._here = node
            return self._fitting(arguments.constant, node, kind)
        return self._fitting(arguments.fitted, self._value(node, dot), kind)


_JSON = (str, int, float, bool, list)


def _method(base: Any, name: str) -> Callable[..., Any] | None:
    own = getattr(base, "method", None)
    if own is not None:
        found = own(name)
        return None if found is None else lambda *given: found(base, *given)
    if not isinstance(base, (datetime, Duration)):
        return None
    bound = methods.find(base, name)
    return None if bound is None else bound.call
