"""A recursive-descent parser of Go templates. Source: Go `text/template/parse/parse.go`."""

from __future__ import annotations

from collections.abc import Container

from lang import strconv
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError
from lang.gotemplate import literals, nodes
from lang.gotemplate.lexer import Kind, Token
from lang.gotemplate.nodes import Node
from lang.gotemplate.pipelines import Pipelines

Bodies = dict[str, tuple[Node, ...]]


def parse(name: str, source: str, functions: Container[str]) -> Bodies:
    """The bodies by name; the template's own name holds the main one.

    Raises LangError(SYNTAX, NAME for an unknown function or variable, LIMIT).
    """
    if len(source.encode(errors="replace")) > DEFAULT_LIMITS.source:
        raise LangError(ErrorKind.LIMIT, "the template is too long", 0)
    return _Parser(name, source, functions).whole()


class _Parser(Pipelines):
    def __init__(self, name: str, source: str, functions: Container[str]) -> None:
        super().__init__(name, source, functions)
        self._ranges = 0
        self._bodies: Bodies = {}

    # -- lists ------------------------------------------------------------------------------

    def whole(self) -> Bodies:
        body: list[Node] = []
        while self._peek().kind is not Kind.END:
            if self._peek().kind is Kind.LEFT and self._defines():
                self._definition()
                continue
            node = self._text_or_action()
            if isinstance(node, nodes.Ending):
                raise self._fail(f"unexpected {node.text}")
            body.append(node)
        self._define(self._name, tuple(body))
        return self._bodies

    def _defines(self) -> bool:
        """Whether a `{{define` stands here; it is taken if so. It may only stand at the top."""
        saved = self._i
        self._next()
        token = self._next_solid()
        if token.kind is Kind.KEYWORD and token.text == "define":
            return True
        self._i = saved
        return False

    def _define(self, name: str, body: tuple[Node, ...]) -> None:
        """An empty body never replaces another, and two that are not empty are a mistake."""
        if name not in self._bodies or _is_empty(self._bodies[name]):
            self._bodies[name] = body
        elif not _is_empty(body):
            quoted = strconv.quote(name)
            raise self._fail(f"template: multiple definition of template {quoted}")

    def _list(self) -> tuple[tuple[Node, ...], nodes.Ending]:
        """Nodes up to `{{end}}` or `{{else}}`."""
        self._enter()
        found: list[Node] = []
        while self._peek_solid().kind is not Kind.END:
            node = self._text_or_action()
            if isinstance(node, nodes.Ending):
                self._depth -= 1
                return tuple(found), node
            found.append(node)
        raise self._fail("unexpected EOF")

    def _text_or_action(self) -> Node:
        token = self._next_solid()
        if token.kind is Kind.TEXT:
            return nodes.Text(token.position, token.text)
        if token.kind is not Kind.LEFT:
            raise self._unexpected(token, "input")
        self._action_line = self._line(token)
        node = self._action()
        self._action_line = 0
        return node

    # -- actions ----------------------------------------------------------------------------

    def _action(self) -> Node:
        token = self._peek_solid()
        if token.kind is Kind.KEYWORD and token.text != "define":
            self._next()
            match token.text:
                case "if" | "with" | "range":
                    return self._branch(token)
                case "template":
                    return self._template()
                case "block":
                    return self._block()
                case "end":
                    self._expect(Kind.RIGHT, "end")
                    return nodes.Ending(token.position, "{{end}}")
                case "else":
                    return self._else(token)
                case _:
                    return self._jump(token)
        pipe = self._pipeline("command", Kind.RIGHT)
        return nodes.Action(token.position, f"{{{{{pipe.text}}}}}", pipe)

    def _else(self, token: Token) -> Node:
        """`{{else if` and `{{else with` are left at their second word."""
        following = self._peek_solid()
        if following.kind is not Kind.KEYWORD or following.text not in {"if", "with"}:
            self._expect(Kind.RIGHT, "else")
        return nodes.Ending(token.position, "{{else}}")

    def _branch(self, token: Token) -> Node:
        keyword = token.text
        scope = len(self._variables)
        pipe = self._pipeline(keyword, Kind.RIGHT)
        self._ranges += keyword == "range"
        body, ended = self._list()
        self._ranges -= keyword == "range"
        otherwise: tuple[Node, ...] = ()
        if ended.text == "{{else}}":
            following = self._peek()
            chained = keyword in {"if", "with"} and following.text == keyword
            if chained and following.kind is Kind.KEYWORD:
                self._next()
                self._enter()
                otherwise = (self._branch(following),)
                self._depth -= 1
            else:
                otherwise, ended = self._list()
                if ended.text != "{{end}}":
                    raise self._fail(f"expected end; found {ended.text}")
        del self._variables[scope:]
        return nodes.Branch(pipe.position, keyword, keyword, pipe, body, otherwise)

    def _jump(self, token: Token) -> Node:
        shown = f"{{{{{token.text}}}}}"
        following = self._next_solid()
        if following.kind is not Kind.RIGHT:
            raise self._unexpected(following, shown)
        if not self._ranges:
            raise self._fail(f"{shown} outside {{{{range}}}}")
        return nodes.Jump(token.position, token.text)

    # -- templates --------------------------------------------------------------------------

    def _named(self, token: Token, context: str) -> str:
        if token.kind is not Kind.STRING:
            raise self._unexpected(token, context)
        try:
            return literals.string(token.text)
        except literals.BadLiteral as bad:
            raise self._fail(str(bad)) from None

    def _template(self) -> Node:
        token = self._next_solid()
        name = self._named(token, "template clause")
        pipe = None
        if self._peek_solid().kind is Kind.RIGHT:
            self._next()
        else:
            pipe = self._pipeline("template clause", Kind.RIGHT)
        return _call(token, name, pipe)

    def _definition(self) -> None:
        name = self._named(self._next_solid(), "define clause")
        self._expect(Kind.RIGHT, "define clause")
        self._body(name, "define clause")

    def _block(self) -> Node:
        token = self._next_solid()
        name = self._named(token, "block clause")
        pipe = self._pipeline("block clause", Kind.RIGHT)
        self._body(name, "block clause")
        return _call(token, name, pipe)

    def _body(self, name: str, context: str) -> None:
        """A body of its own: no variables but `$`, no range around it."""
        outer, self._variables = self._variables, ["$"]
        ranges, self._ranges = self._ranges, 0
        body, ended = self._list()
        if ended.text != "{{end}}":
            raise self._fail(f"unexpected {ended.text} in {context}")
        self._variables, self._ranges = outer, ranges
        self._define(name, body)


def _is_empty(body: tuple[Node, ...]) -> bool:
    return all(isinstance(node, nodes.Text) and not node.text.strip() for node in body)


def _call(token: Token, name: str, pipe: nodes.Pipe | None) -> Node:
    given = f" {pipe.text}" if pipe else ""
    text = f"{{{{template {strconv.quote(name)}{given}}}}}"
    return nodes.Template(token.position, text, name, pipe)
