"""Parsing what stands between `{{` and `}}`: declarations, commands, operands.

Source: Go `text/template/parse/parse.go`. The control structures around it are `parser`'s.
"""

from __future__ import annotations

from collections.abc import Container

from lang import strconv
from lang.errors import ErrorKind
from lang.gotemplate import literals, nodes
from lang.gotemplate.cursor import Cursor
from lang.gotemplate.lexer import Kind, Token
from lang.gotemplate.nodes import Node

_OPERANDS = frozenset(
    [
        *(Kind.FIELD, Kind.VARIABLE, Kind.WORD, Kind.STRING, Kind.CHARACTER, Kind.NUMBER),
        *(Kind.DOT, Kind.OPEN),
    ]
)
_LITERALS = (nodes.Constant, nodes.Number, nodes.Dot)


class Pipelines(Cursor):
    """Parses one pipeline after the other; knows the variables in scope."""

    def __init__(self, name: str, source: str, functions: Container[str]) -> None:
        super().__init__(name, source)
        self._functions = functions
        self._variables = ["$"]

    def _pipeline(self, context: str, end: Kind) -> nodes.Pipe:
        self._enter()
        start = self._peek_solid().position
        variables, declares = self._declarations(context)
        commands: list[nodes.Command] = []
        while True:
            token = self._next_solid()
            if token.kind is end:
                break
            if token.kind not in _OPERANDS:
                raise self._unexpected(token, context)
            self._i -= 1
            commands.append(self._command())
        self._check(commands, context)
        self._depth -= 1
        text = " | ".join(command.text for command in commands)
        if variables:
            text = f"{', '.join(variables)} := {text}"
        return nodes.Pipe(start, text, tuple(commands), tuple(variables), declares)

    def _check(self, commands: list[nodes.Command], context: str) -> None:
        if not commands:
            raise self._fail(f"missing value for {context}")
        for stage, command in enumerate(commands[1:], 2):
            if isinstance(command.arguments[0], _LITERALS):
                raise self._fail(f"non executable command in pipeline stage {stage}")

    def _declarations(self, context: str) -> tuple[list[str], bool]:
        found: list[str] = []
        while self._peek_solid().kind is Kind.VARIABLE:
            saved = self._i
            name = self._next().text
            following = self._peek_solid()
            if following.kind in {Kind.ASSIGN, Kind.DECLARE}:
                self._next()
                self._variables.append(name)
                return [*found, name], following.kind is Kind.DECLARE
            if following.kind is not Kind.COMMA:
                self._i = saved
                break
            self._next()
            found.append(name)
            self._variables.append(name)
            if context != "range" or len(found) > 1:
                raise self._fail(f"too many declarations in {context}")
            if self._peek_solid().kind not in {Kind.VARIABLE, Kind.RIGHT, Kind.CLOSE}:
                raise self._fail("range can only initialize variables")
        return found, True

    def _command(self) -> nodes.Command:
        start = self._peek_solid().position
        arguments: list[Node] = []
        while True:
            self._peek_solid()
            operand = self._operand()
            if operand is not None:
                arguments.append(operand)
            token = self._next()
            if token.kind is Kind.SPACE:
                continue
            if token.kind in {Kind.RIGHT, Kind.CLOSE}:
                self._i -= 1
            elif token.kind is not Kind.PIPE:
                raise self._unexpected(token, "operand")
            break
        if not arguments:
            raise self._fail("empty command")
        text = " ".join(map(_argument_text, arguments))
        return nodes.Command(start, text, tuple(arguments))

    def _operand(self) -> Node | None:
        node = self._term()
        following = self._peek()
        if node is None or following.kind is not Kind.FIELD:
            return node
        names: list[str] = []
        while self._peek().kind is Kind.FIELD:
            names.append(self._next().text[1:])
        text = _argument_text(node) + "".join("." + name for name in names)
        at = following.position  # Go reports a chain at its second element
        match node:
            case nodes.Field():
                return nodes.Field(at, text, (*node.names, *names))
            case nodes.Variable():
                return nodes.Variable(at, text, node.name, (*node.names, *names))
            case nodes.Constant() | nodes.Number() | nodes.Dot():
                raise self._fail(f"unexpected . after term {strconv.quote(node.text)}")
            case _:
                return nodes.Chain(at, text, node, tuple(names))

    def _term(self) -> Node | None:
        token = self._peek_solid()
        if token.kind not in _OPERANDS:
            return None
        self._next()
        at, text = token.position, token.text
        match token.kind:
            case Kind.DOT:
                return nodes.Dot(at, text)
            case Kind.FIELD:
                return nodes.Field(at, text, (text[1:],))
            case Kind.VARIABLE:
                if text not in self._variables:
                    raise self._fail(f'undefined variable "{text}"', ErrorKind.NAME)
                return nodes.Variable(at, text, text, ())
            case Kind.WORD:
                return self._word(token)
            case Kind.OPEN:
                return self._pipeline("parenthesized pipeline", Kind.CLOSE)
            case _:
                return self._literal(token)

    def _word(self, token: Token) -> Node:
        at, text = token.position, token.text
        if text in {"true", "false", "nil"}:
            return nodes.Constant(at, text, None if text == "nil" else text == "true")
        if text not in self._functions:
            raise self._fail(f"function {strconv.quote(text)} not defined", ErrorKind.NAME)
        return nodes.Function(at, text, text)

    def _literal(self, token: Token) -> Node:
        at, text = token.position, token.text
        try:
            if token.kind is Kind.STRING:
                return nodes.Constant(at, text, literals.string(text))
            if token.kind is Kind.CHARACTER:
                code = literals.character(text)
                return nodes.Number(at, text, code, code, float(code))
            found = literals.number(text)
            return nodes.Number(at, text, found.ideal, found.integer, found.real)
        except literals.BadLiteral as bad:
            raise self._fail(str(bad)) from None


def _argument_text(node: Node) -> str:
    return f"({node.text})" if isinstance(node, nodes.Pipe) else node.text
