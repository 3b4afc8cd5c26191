"""Running a parsed template over data. Source: Go `text/template/exec.go`.

One `Executor` a run: it holds the output, what may still be spent, and the variables. Values are
JSON-like; a value is printed, never read as template text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from lang import gofmt
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError
from lang.gotemplate import functions, nodes
from lang.gotemplate.nodes import Node
from lang.gotypes import Duration
from lang.sprig import casting
from lang.sprig.registry import Function


class _NoValue:
    """A missing key: printed as `<no value>`, nil for functions."""

    def __repr__(self) -> str:
        return "<no value>"


NO_VALUE = _NoValue()
_KINDS = {
    "s": ("string", str),
    "i": ("int", int),
    "f": ("float64", float),
    "b": ("bool", bool),
    "m": ("map[string]interface {}", dict),
    "t": ("time.Time", datetime),
}


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class Executor:
    """One run of a template."""

    def __init__(self, name: str, bodies: Mapping[str, tuple[Node, ...]], root: Any) -> None:
        self._name = name
        self._current = name
        self._bodies = bodies
        self._out: list[str] = []
        self._size = 0
        self._steps = DEFAULT_LIMITS.steps
        self._depth = 0
        self._variables: list[tuple[str, Any]] = [("$", root)]

    def run(self, dot: Any) -> str:
        """The text. Raises LangError."""
        self._body(self._bodies[self._name], dot)
        return "".join(self._out)

    def fail(self, node: Node, text: str, message: str) -> LangError:
        """An error as Go words it, at a node quoted as `text`."""
        if len(text) > 20 and "\n" in text:
            text = text.split("\n", 1)[0]
        where = f"{self._name}:{node.line}:{node.column}"
        whole = f'template: {where}: executing "{self._current}" at <{text}>: {message}'
        return LangError(ErrorKind.VALUE, whole)

    # -- statements -------------------------------------------------------------------------

    def _spend(self) -> None:
        self._steps -= 1
        if self._steps < 0:
            raise LangError(ErrorKind.LIMIT, "step budget exceeded")

    def _write(self, text: str) -> None:
        self._size += len(text)
        if self._size > DEFAULT_LIMITS.result:
            raise LangError(ErrorKind.LIMIT, "the rendered text is too large")
        self._out.append(text)

    def _body(self, body: tuple[Node, ...], dot: Any) -> None:
        for node in body:
            self._spend()
            match node:
                case nodes.Text():
                    self._write(node.text)
                case nodes.Action():
                    value = self._pipe(node.pipe, dot)
                    if not node.pipe.variables:
                        self._write(_printed(value))
                case nodes.Branch():
                    self._branch(node, dot)
                case nodes.Template():
                    self._template(node, dot)
                case nodes.Jump():
                    raise _Break if node.keyword == "break" else _Continue
                case _:
                    raise AssertionError(node)

    def _branch(self, node: nodes.Branch, dot: Any) -> None:
        mark = len(self._variables)
        if node.keyword == "range":
            self._range(node, dot)
        else:
            value = self._pipe(node.pipe, dot)
            if not _false(value):
                self._body(node.body, value if node.keyword == "with" else dot)
            else:
                self._body(node.otherwise, dot)
        del self._variables[mark:]

    def _range(self, node: nodes.Branch, dot: Any) -> None:
        names = node.pipe.variables
        collection = self._pipe(node.pipe, dot, assign=False)
        ran = False
        mark = len(self._variables)
        try:
            for key, item in self._items(node, collection):
                ran = True
                self._spend()
                self._bind(node.pipe, names, key, item)
                try:
                    self._body(node.body, item)
                except _Continue:
                    pass
                finally:
                    del self._variables[mark:]
        except _Break:
            return
        if not ran:
            self._body(node.otherwise, dot)

    def _bind(self, pipe: nodes.Pipe, names: tuple[str, ...], key: Any, item: Any) -> None:
        values = (item,) if len(names) == 1 else (key, item)
        for name, value in zip(names, values, strict=False):
            if pipe.declares:
                self._variables.append((name, value))
            else:
                self._assign(name, value)

    def _items(self, node: nodes.Branch, value: Any) -> Iterator[tuple[Any, Any]]:
        match value:
            case None | _NoValue():
                return iter(())
            case list():
                return enumerate(value)
            case dict():
                return iter(sorted(value.items()))
            case int() if not isinstance(value, bool):
                if value > self._steps:
                    raise LangError(ErrorKind.LIMIT, "step budget exceeded")
                return ((i, i) for i in range(value))
            case _:
                text = f"range can't iterate over {gofmt.v(value)}"
                raise self.fail(node.pipe, node.pipe.text, text)

    def _template(self, node: nodes.Template, dot: Any) -> None:
        body = self._bodies.get(node.name)
        if body is None:
            raise self.fail(node, node.text, f'template "{node.name}" not defined')
        value = self._pipe(node.pipe, dot) if node.pipe else None
        self._depth += 1
        if self._depth > DEFAULT_LIMITS.nesting:
            text = f"exceeded maximum template depth ({DEFAULT_LIMITS.nesting})"
            raise LangError(ErrorKind.LIMIT, text)
        outer, self._variables = self._variables, [("$", value)]
        current, self._current = self._current, node.name
        self._body(body, value)
        self._variables, self._current = outer, current
        self._depth -= 1

    # -- pipelines --------------------------------------------------------------------------

    def _pipe(self, pipe: nodes.Pipe, dot: Any, *, assign: bool = True) -> Any:
        value: Any = None
        for index, command in enumerate(pipe.commands):
            value = self._command(command, dot, [value] if index else [])
        if assign:
            for name in pipe.variables:
                if pipe.declares:
                    self._variables.append((name, value))
                else:
                    self._assign(name, value)
        return value

    def _assign(self, name: str, value: Any) -> None:
        for index in range(len(self._variables) - 1, -1, -1):
            if self._variables[index][0] == name:
                self._variables[index] = (name, value)
                return

    def _lookup(self, name: str) -> Any:
        return next(value for known, value in reversed(self._variables) if known == name)

    def _command(self, command: nodes.Command, dot: Any, final: list[Any]) -> Any:
        self._spend()
        first, rest = command.arguments[0], command.arguments[1:]
        match first:
            case nodes.Function():
                return self._function(command, first, dot, [*rest], final)
            case nodes.Field():
                return self._fields(first, dot, first.names, rest, final, dot)
            case nodes.Variable() if first.names:
                base = self._lookup(first.name)
                return self._fields(first, base, first.names, rest, final, dot)
            case nodes.Chain():
                base = self._pipe(first.base, dot)
                return self._fields(first, base, first.names, rest, final, dot)
            case _:
                pass
        if rest or final:
            text = f"can't give argument to non-function {_text(first)}"
            raise self.fail(first, _text(first), text)
        if isinstance(first, nodes.Constant) and first.value is None:
            raise self.fail(first, "nil", "nil is not a command")
        return self._value(first, dot)

    def _value(self, node: Node, dot: Any) -> Any:
        match node:
            case nodes.Dot():
                return dot
            case nodes.Constant():
                return node.value
            case nodes.Field():
                return self._fields(node, dot, node.names, (), [], dot)
            case nodes.Variable():
                base = self._lookup(node.name)
                return self._fields(node, base, node.names, (), [], dot) if node.names else base
            case nodes.Pipe():
                return self._pipe(node, dot)
            case nodes.Chain():
                base = self._pipe(node.base, dot)
                return self._fields(node, base, node.names, (), [], dot)
            case nodes.Function():
                command = nodes.Command(node.line, node.column, (node,), node.text)
                return self._function(command, node, dot, [], [])
            case _:
                raise AssertionError(node)

    def _fields(
        self,
        node: Node,
        base: Any,
        names: tuple[str, ...],
        rest: tuple[Node, ...],
        final: list[Any],
        dot: Any,
    ) -> Any:
        value = base
        for index, name in enumerate(names):
            last = index == len(names) - 1
            given = [self._value(each, dot) for each in rest] + final if last else []
            value = self._field(node, value, name, given)
        return value

    def _field(self, node: Node, base: Any, name: str, given: list[Any]) -> Any:
        if isinstance(base, _NoValue):
            return NO_VALUE
        if base is None:
            raise self.fail(node, _text(node), f"nil pointer evaluating interface {{}}.{name}")
        method = getattr(base, "method", None) or _methods(base)
        found = method(name) if method is not None else None
        if found is not None:
            try:
                return found(base, *given)
            except (TypeError, ValueError, AttributeError) as error:
                text = f"error calling {name}: {error}"
                raise self.fail(node, name, text) from None
        if isinstance(base, dict):
            if given:
                text = f"{name} is not a method but has arguments"
                raise self.fail(node, _text(node), text)
            return base.get(name, NO_VALUE)
        shown = "interface {}" if isinstance(base, _JSON) else gofmt.type_name(base)
        raise self.fail(node, _text(node), f"can't evaluate field {name} in type {shown}")

    # -- functions --------------------------------------------------------------------------

    def _function(
        self,
        command: nodes.Command,
        node: nodes.Function,
        dot: Any,
        rest: list[Node],
        final: list[Any],
    ) -> Any:
        name = node.name
        function = functions.TABLE[name]
        if name in functions.LAZY and rest:
            return self._lazy(name, rest, dot, final)
        count = len(rest) + len(final)
        least = len(function.parameters)
        if count < least or (function.rest is None and count > least):
            want = f"at least {least}" if function.rest else str(least)
            text = f"wrong number of args for {name}: want {want} got {count}"
            raise self.fail(node, name, text)
        values = [
            self._argument(each, self._value(each, dot), _kind(function, index))
            for index, each in enumerate(rest)
        ]
        for index, value in enumerate(final, len(rest)):
            values.append(self._argument(command, value, _kind(function, index)))
        try:
            found = function.call(*values)
        except LangError as error:
            if error.kind is ErrorKind.LIMIT:
                raise
            text = f"error calling {name}: {error.message}"
            raise self.fail(command, command.text, text) from None
        except (TypeError, ValueError, OverflowError, AttributeError, RecursionError):
            text = f"error calling {name}: invalid argument"
            raise self.fail(command, command.text, text) from None
        if isinstance(found, str) and len(found) > DEFAULT_LIMITS.result:
            raise LangError(ErrorKind.LIMIT, "a text in the template is too large")
        return found

    def _lazy(self, name: str, rest: list[Node], dot: Any, final: list[Any]) -> Any:
        """`and`, `or`: the rest is not looked at once the result is known."""
        value: Any = None
        for node in rest:
            value = _plain(self._value(node, dot))
            if _false(value) == (name == "and"):
                return value
        return _plain(final[0]) if final else value

    def _argument(self, node: Node, value: Any, kind: str) -> Any:
        value = _plain(value)
        if kind == "a":
            return value
        wanted, python = _KINDS[kind]
        if kind == "f" and isinstance(value, int) and isinstance(node, nodes.Constant):
            return float(value)
        if isinstance(value, python) and (kind == "b" or not isinstance(value, bool)):
            return value
        if isinstance(value, Duration) and kind == "i":
            return value.nanoseconds
        if isinstance(node, nodes.Constant) and kind != "m":
            text = f"expected {'integer' if kind == 'i' else wanted}; found {_text(node)}"
            raise self.fail(node, _text(node), text)
        if isinstance(node, nodes.Constant):
            text = f"can't handle {_text(node)} for arg of type {wanted}"
            raise self.fail(node, _text(node), text)
        if value is None:
            text = f"invalid value; expected {wanted}"
        else:
            text = f"wrong type for value; expected {wanted}; got {gofmt.type_name(value)}"
        raise self.fail(node, _text(node), text)


_JSON = (str, int, float, bool, list)


def _kind(function: Function, index: int) -> str:
    if index < len(function.parameters):
        return function.parameters[index]
    return function.rest or "a"


def _methods(base: Any) -> Any:
    if not isinstance(base, (datetime, Duration)):
        return None
    from lang.expr import methods

    def find(name: str) -> Any:
        bound = methods.find(base, name)
        return None if bound is None else lambda _base, *given: bound.call(*given)

    return find


def _text(node: Node) -> str:
    return str(getattr(node, "text", ""))


def _plain(value: Any) -> Any:
    return None if isinstance(value, _NoValue) else value


def _false(value: Any) -> bool:
    return isinstance(value, _NoValue) or casting.is_empty(value)


def _printed(value: Any) -> str:
    if value is None or isinstance(value, _NoValue):
        return "<no value>"
    return value if isinstance(value, str) else gofmt.v(value)
