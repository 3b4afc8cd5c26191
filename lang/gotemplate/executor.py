"""Running a parsed template over data. Source: Go `text/template/exec.go`.

One `Executor` a run: it holds the output, what may still be spent, and the variables. Values are
JSON-like; a value is printed, never read as template text. `calls` owns functions and fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lang import gofmt
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError
from lang.gotemplate import nodes
from lang.gotemplate.arguments import NO_VALUE
from lang.gotemplate.calls import Calls
from lang.gotemplate.nodes import Node
from lang.sprig import casting


class _Break(Exception):
    pass


class _Continue(Exception):
    pass


class Executor(Calls):
    """One run of a template."""

    def __init__(
        self, name: str, source: str, bodies: Mapping[str, tuple[Node, ...]], root: Any
    ) -> None:
        super().__init__(name, source, root)
        self._bodies = bodies
        self._out: list[str] = []
        self._size = 0
        self._depth = 0

    def run(self, dot: Any) -> str:
        """The text. Raises LangError."""
        self._body(self._bodies[self._name], dot)
        return "".join(self._out)

    def _write(self, text: str) -> None:
        self._size += len(text)
        if self._size > DEFAULT_LIMITS.result:
            raise LangError(ErrorKind.LIMIT, "the rendered text is too large")
        self._out.append(text)

    def _body(self, body: tuple[Node, ...], dot: Any) -> None:
        for node in body:
            self._spend()
            self._here = node
            if isinstance(node, nodes.Text):
                self._write(node.text)
            elif isinstance(node, nodes.Action):
                value = self._pipe(node.pipe, dot)
                if not node.pipe.variables:
                    self._write(_printed(value))
            elif isinstance(node, nodes.Branch):
                self._branch(node, dot)
            elif isinstance(node, nodes.Template):
                self._template(node, dot)
            else:
                raise _Break if node.text == "break" else _Continue

    def _branch(self, node: nodes.Branch, dot: Any) -> None:
        mark = len(self._variables)
        try:
            if node.keyword == "range":
                self._range(node, dot)
                return
            value = self._pipe(node.pipe, dot)
            if self.false(value):
                self._body(node.otherwise, dot)
            else:
                self._within(node, value, dot)
        finally:
            del self._variables[mark:]

    def _within(self, node: nodes.Branch, value: Any, dot: Any) -> None:
        if node.keyword == "if":
            self._body(node.body, dot)
            return
        outer, self._boxed = self._boxed, False
        try:
            self._body(node.body, value)
        finally:
            self._boxed = outer

    def _range(self, node: nodes.Branch, dot: Any) -> None:
        collection = self._pipe(node.pipe, dot)  # the variables hold it until the first item
        mark = len(self._variables)
        boxed = type(collection) in {list, dict}  # typed lists know what their items are
        ran = False
        try:
            for key, item in self._items(node.pipe, collection):
                ran = True
                self._spend()
                self._bind(node.pipe, mark, key, item)
                outer, self._boxed = self._boxed, boxed
                try:
                    self._body(node.body, item)
                except _Continue:
                    pass
                finally:
                    self._boxed = outer
                    del self._variables[mark:]
        except _Break:
            return
        if not ran:
            self._body(node.otherwise, dot)

    def _bind(self, pipe: nodes.Pipe, mark: int, key: Any, item: Any) -> None:
        names = pipe.variables
        values = (item,) if len(names) == 1 else (key, item)
        for index, (name, value) in enumerate(zip(names, values, strict=False)):
            if pipe.declares:
                self._variables[mark - len(names) + index] = (name, value)
            else:
                self._set(pipe, name, value)

    def _items(self, pipe: nodes.Pipe, value: Any) -> Iterator[tuple[Any, Any]]:
        if value is NO_VALUE:
            return iter(())
        match value:
            case list():
                return enumerate(value)
            case dict():
                return iter(sorted(value.items()))
            case int() if not isinstance(value, bool):
                if len(pipe.variables) > 1:
                    shown = gofmt.v(value)
                    raise self._fail(f"can't use {shown} to iterate over more than one variable")
                if value > self._steps:
                    raise LangError(ErrorKind.LIMIT, "step budget exceeded")
                return ((index, index) for index in range(value))
            case _:
                raise self._fail(f"range can't iterate over {gofmt.v(value)}")

    def _template(self, node: nodes.Template, dot: Any) -> None:
        body = self._bodies.get(node.name)
        if body is None:
            raise self._fail(f"template {gofmt.sharp_v(node.name)} not defined")
        self._depth += 1
        if self._depth > DEFAULT_LIMITS.nesting:
            text = f"exceeded maximum template depth ({DEFAULT_LIMITS.nesting})"
            raise LangError(ErrorKind.LIMIT, text)
        value = self._pipe(node.pipe, dot) if node.pipe else NO_VALUE
        outer, self._variables = self._variables, [("$", value)]
        current, self._current = self._current, node.name
        boxed, self._boxed = self._boxed, False
        try:
            self._body(body, value)
        finally:
            self._boxed = boxed
            self._variables, self._current = outer, current
            self._depth -= 1

    @staticmethod
    def false(value: Any) -> bool:
        """Whether `if` does not hold for a value."""
        return value is NO_VALUE or casting.is_empty(value)


def _printed(value: Any) -> str:
    if value is NO_VALUE:
        return "<no value>"
    return value if isinstance(value, str) else gofmt.v(value)
