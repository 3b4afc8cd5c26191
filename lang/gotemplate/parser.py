"""A recursive-descent parser of Go templates. Source: Go `text/template/parse/parse.go`."""

from __future__ import annotations

import ast
from collections.abc import Container
from dataclasses import dataclass, field

from lang import strconv
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError
from lang.gotemplate import nodes
from lang.gotemplate.lexer import Kind, Token, tokens
from lang.gotemplate.nodes import Node

KEYWORDS = frozenset(
    ["if", "else", "end", "range", "with", "template", "define", "block", "break", "continue"]
)
_NOT_OPERANDS = frozenset(
    [Kind.TEXT, Kind.LEFT, Kind.RIGHT, Kind.SPACE, Kind.PIPE, Kind.CLOSE, Kind.COMMA]
)
_OPERANDS = frozenset(Kind) - _NOT_OPERANDS - {Kind.ASSIGN, Kind.DECLARE, Kind.OTHER, Kind.END}


@dataclass(slots=True)
class Parsed:
    """The bodies by name; the template's own name holds the main one."""

    name: str
    bodies: dict[str, tuple[Node, ...]] = field(default_factory=dict)


def parse(name: str, source: str, functions: Container[str]) -> Parsed:
    """The template. Raises LangError(SYNTAX, NAME for an unknown function, LIMIT)."""
    if len(source.encode(errors="replace")) > DEFAULT_LIMITS.source:
        raise LangError(ErrorKind.LIMIT, "the template is too long", 0)
    parsed = Parsed(name)
    _Parser(name, source, functions, parsed).whole()
    return parsed


class _Parser:
    def __init__(self, name: str, source: str, functions: Container[str], parsed: Parsed) -> None:
        self._name, self._source = name, source
        self._functions, self._parsed = functions, parsed
        self._tokens = tokens(name, source)
        self._i = 0
        self._variables = ["$"]
        self._ranges = 0
        self._depth = 0

    # -- tokens -----------------------------------------------------------------------------

    def _fail(
        self, message: str, token: Token | None = None, kind: ErrorKind | None = None
    ) -> LangError:
        position = (token or self._peek()).position
        line = self._source.count("\n", 0, position) + 1
        text = f"template: {self._name}:{line}: {message}"
        return LangError(kind or ErrorKind.SYNTAX, text, position)

    def _peek(self) -> Token:
        return self._tokens[self._i]

    def _next(self) -> Token:
        token = self._tokens[self._i]
        if token.kind is not Kind.END:
            self._i += 1
        return token

    def _skip_space(self) -> Token:
        while self._peek().kind is Kind.SPACE:
            self._i += 1
        return self._peek()

    def _unexpected(self, token: Token, context: str) -> LangError:
        return self._fail(f"unexpected {_shown(token)} in {context}", token)

    def _expect(self, kind: Kind, context: str) -> Token:
        token = self._skip_space()
        if token.kind is not kind:
            raise self._unexpected(token, context)
        return self._next()

    def _place(self, token: Token) -> tuple[int, int]:
        line = self._source.count("\n", 0, token.position) + 1
        return line, token.position - (self._source.rfind("\n", 0, token.position) + 1)

    # -- lists ------------------------------------------------------------------------------

    def whole(self) -> None:
        body, ended = self._list(top=True)
        if ended is not None:
            raise self._fail(f"unexpected {{{{{ended.text}}}}}", ended)
        self._define(self._name, body)

    def _define(self, name: str, body: tuple[Node, ...]) -> None:
        empty = all(isinstance(n, nodes.Text) and not n.text.strip() for n in body)
        if name not in self._parsed.bodies or not empty:
            self._parsed.bodies[name] = body

    def _list(self, *, top: bool = False) -> tuple[tuple[Node, ...], Token | None]:
        """Nodes up to `end` or `else` (returned) or, at the top, the end of the text."""
        self._depth += 1
        if self._depth > DEFAULT_LIMITS.nesting:
            raise self._fail("nested too deeply", kind=ErrorKind.LIMIT)
        found: list[Node] = []
        while True:
            token = self._next()
            if token.kind is Kind.END:
                if not top:
                    raise self._fail("unexpected EOF", token)
                break
            if token.kind is Kind.TEXT:
                found.append(nodes.Text(*self._place(token), token.text))
                continue
            word = self._skip_space()
            if word.kind is Kind.WORD and word.text in {"end", "else"}:
                self._next()
                self._depth -= 1
                return tuple(found), word
            node = self._action(word)
            if node is not None:
                found.append(node)
        self._depth -= 1
        return tuple(found), None

    def _action(self, token: Token) -> Node | None:
        if token.kind is Kind.WORD and token.text in KEYWORDS:
            self._next()
            match token.text:
                case "if" | "with" | "range":
                    return self._branch(token)
                case "template":
                    return self._template(token)
                case "define":
                    self._definition()
                    return None
                case "block":
                    return self._block(token)
                case _:
                    return self._jump(token)
        scope = len(self._variables)
        pipe = self._pipeline("command", Kind.RIGHT)
        del self._variables[scope:]
        self._variables += pipe.variables if pipe.declares else ()
        return nodes.Action(*self._place(token), pipe)

    def _branch(self, token: Token) -> Node:
        keyword = token.text
        scope = len(self._variables)
        pipe = self._pipeline(keyword, Kind.RIGHT)
        self._ranges += keyword == "range"
        body, ended = self._list()
        self._ranges -= keyword == "range"
        otherwise: tuple[Node, ...] = ()
        if ended is not None and ended.text == "else":
            otherwise = self._else(keyword)
        else:
            self._expect(Kind.RIGHT, "end")
        del self._variables[scope:]
        return nodes.Branch(*self._place(token), keyword, pipe, body, otherwise)

    def _else(self, keyword: str) -> tuple[Node, ...]:
        token = self._skip_space()
        if token.kind is Kind.WORD and token.text == keyword and keyword in {"if", "with"}:
            self._next()
            return (self._branch(token),)
        self._expect(Kind.RIGHT, "else")
        body, ended = self._list()
        if ended is not None and ended.text == "else":
            raise self._fail("expected end; found {{else}}", ended)
        self._expect(Kind.RIGHT, "end")
        return body

    def _jump(self, token: Token) -> Node:
        self._expect(Kind.RIGHT, token.text)
        if not self._ranges:
            raise self._fail(f"{{{{{token.text}}}}} outside {{{{range}}}}", token)
        return nodes.Jump(*self._place(token), token.text)

    def _string(self, context: str) -> str:
        token = self._skip_space()
        if token.kind not in {Kind.STRING, Kind.RAW}:
            raise self._unexpected(token, context)
        self._next()
        return self._unquoted(token)

    def _template(self, token: Token) -> Node:
        name = self._string("template clause")
        pipe = None
        if self._skip_space().kind is Kind.RIGHT:
            self._next()
        else:
            pipe = self._pipeline("template clause", Kind.RIGHT)
        return self._call(token, name, pipe)

    def _call(self, token: Token, name: str, pipe: nodes.Pipe | None) -> Node:
        text = f"{{{{template {strconv.quote(name)}{' ' + pipe.text if pipe else ''}}}}}"
        # The place is that of the name, as Go reports it.
        line, column = self._place(self._tokens[self._tokens.index(token) + 2])
        return nodes.Template(line, column, name, pipe, text)

    def _definition(self) -> None:
        name = self._string("define clause")
        self._expect(Kind.RIGHT, "define clause")
        self._body(name, "define clause")

    def _block(self, token: Token) -> Node:
        name = self._string("block clause")
        pipe = self._pipeline("block clause", Kind.RIGHT)
        self._body(name, "block clause")
        return self._call(token, name, pipe)

    def _body(self, name: str, context: str) -> None:
        outer, self._variables = self._variables, ["$"]
        ranges, self._ranges = self._ranges, 0
        body, ended = self._list()
        if ended is None or ended.text != "end":
            raise self._fail(f"unexpected {{{{else}}}} in {context}", ended)
        self._expect(Kind.RIGHT, "end")
        self._variables, self._ranges = outer, ranges
        self._define(name, body)

    # -- pipelines --------------------------------------------------------------------------

    def _pipeline(self, context: str, end: Kind) -> nodes.Pipe:
        self._depth += 1
        if self._depth > DEFAULT_LIMITS.nesting:
            raise self._fail("nested too deeply", kind=ErrorKind.LIMIT)
        first = self._skip_space()
        start = first.position
        variables, declares = self._declarations(context)
        commands: list[nodes.Command] = []
        while True:
            token = self._skip_space()
            if token.kind is end:
                stop = token.position
                self._next()
                break
            if token.kind not in _OPERANDS:
                raise self._unexpected(token, context)
            commands.append(self._command())
        if not commands:
            raise self._fail(f"missing value for {context}", token)
        self._depth -= 1
        for index, command in enumerate(commands[1:], 2):
            head = command.arguments[0]
            if isinstance(head, (nodes.Constant, nodes.Dot)):
                raise self._fail(f"non executable command in pipeline stage {index}", token)
        text = self._source[start:stop].strip()
        return nodes.Pipe(*self._place(first), tuple(commands), variables, declares, text)

    def _declarations(self, context: str) -> tuple[tuple[str, ...], bool]:
        found: list[str] = []
        saved = self._i
        while True:
            token = self._skip_space()
            if token.kind is not Kind.VARIABLE:
                break
            self._next()
            following = self._skip_space()
            if following.kind in {Kind.ASSIGN, Kind.DECLARE}:
                self._next()
                found.append(token.text)
                declares = following.kind is Kind.DECLARE
                for name in found:
                    if not declares and name not in self._variables:
                        raise self._fail(f'undefined variable "{name}"', token, ErrorKind.NAME)
                self._variables += found if declares else ()
                return tuple(found), declares
            if following.kind is Kind.COMMA and context == "range" and len(found) < 2:
                self._next()
                found.append(token.text)
                continue
            if following.kind is Kind.COMMA:
                raise self._fail(f"too many declarations in {context}", token)
            break
        self._i = saved
        return (), False

    def _command(self) -> nodes.Command:
        arguments: list[Node] = []
        first = self._skip_space()
        while True:
            token = self._skip_space()
            if token.kind in _OPERANDS:
                arguments.append(self._operand())
            following = self._peek()
            if following.kind is Kind.SPACE:
                self._next()
                if self._peek().kind in _OPERANDS:
                    continue
                following = self._peek()
            stop = following.position
            if following.kind is Kind.PIPE:
                self._next()
            elif following.kind not in {Kind.RIGHT, Kind.CLOSE}:
                raise self._unexpected(following, "operand")
            break
        text = self._source[first.position : stop].strip()
        return nodes.Command(*self._place(first), tuple(arguments), text)

    def _operand(self) -> Node:
        token = self._peek()
        node = self._term()
        following = self._peek()
        if following.kind is Kind.FIELD:
            names: list[str] = []
            while self._peek().kind is Kind.FIELD:
                names.append(self._next().text[1:])
            return self._chained(token, node, tuple(names))
        if following.kind in {Kind.NUMBER, Kind.DOT} and following.text.startswith("."):
            shown = '"' + following.text + '"' if following.kind is Kind.NUMBER else "<.>"
            raise self._fail(f"unexpected {shown} in operand", following)
        return node

    def _chained(self, token: Token, node: Node, names: tuple[str, ...]) -> Node:
        text = self._source[token.position : self._peek().position].strip()
        # Go reports a chain at its second element.
        place = self._place(self._tokens[self._i - len(names)])
        match node:
            case nodes.Field():
                return nodes.Field(*place, node.names + names, text)
            case nodes.Variable():
                return nodes.Variable(*place, node.name, node.names + names, text)
            case nodes.Pipe():
                return nodes.Chain(*place, node, names, text)
            case nodes.Dot():
                return nodes.Field(*place, names, text)
            case _:
                raise self._fail(f"unexpected . after term {strconv.quote(token.text)}", token)

    def _term(self) -> Node:
        token = self._next()
        place = self._place(token)
        match token.kind:
            case Kind.DOT:
                return nodes.Dot(*place)
            case Kind.FIELD:
                return nodes.Field(*place, (token.text[1:],), token.text)
            case Kind.VARIABLE:
                if token.text not in self._variables:
                    text = f'undefined variable "{token.text}"'
                    raise self._fail(text, token, ErrorKind.NAME)
                return nodes.Variable(*place, token.text, (), token.text)
            case Kind.WORD:
                return self._word(token)
            case Kind.NUMBER:
                return nodes.Constant(*place, self._number(token), token.text)
            case Kind.CHARACTER:
                return nodes.Constant(*place, ord(self._unquoted(token)), token.text)
            case Kind.OPEN:
                return self._pipeline("parenthesized pipeline", Kind.CLOSE)
            case _:
                return nodes.Constant(*place, self._unquoted(token), token.text)

    def _word(self, token: Token) -> Node:
        place = self._place(token)
        if token.text in {"true", "false"}:
            return nodes.Constant(*place, token.text == "true", token.text)
        if token.text == "nil":
            return nodes.Constant(*place, None, "nil")
        if token.text in KEYWORDS:
            raise self._fail(f"unexpected <{token.text}> in operand", token)
        if token.text not in self._functions:
            text = f'function "{token.text}" not defined'
            raise self._fail(text, token, ErrorKind.NAME)
        return nodes.Function(*place, token.text, token.text)

    def _number(self, token: Token) -> int | float:
        plain = token.text.replace("_", "")
        try:
            if plain.lstrip("+-")[:2].lower() in {"0x", "0b", "0o"}:
                return int(plain, 0)
            digits = plain.lstrip("+-")
            if any(c in plain for c in ".eE"):
                return float(plain)
            octal = len(digits) > 1 and digits[0] == "0"
            value = int(plain, 8) if octal else int(plain)
        except ValueError:
            raise self._fail(f'bad number syntax: "{token.text}"', token) from None
        if not -(1 << 63) <= value < 1 << 63:
            raise self._fail(f"integer overflow: {token.text}", token)
        return value

    def _unquoted(self, token: Token) -> str:
        if token.kind is Kind.RAW:
            return token.text[1:-1].replace("\r", "")
        try:
            value = ast.literal_eval(token.text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            raise self._fail("invalid syntax", token) from None
        if token.kind is Kind.CHARACTER and len(value) != 1:
            raise self._fail(f"malformed character constant: {token.text}", token)
        return str(value)


def _shown(token: Token) -> str:
    if token.kind is Kind.END:
        return "EOF"
    if token.kind is Kind.WORD and token.text in KEYWORDS:
        return f"<{token.text}>"
    if token.kind is Kind.DOT:
        return "<.>"
    return strconv.quote(token.text)
