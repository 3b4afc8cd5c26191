"""The parser's place among the tokens, and its errors. Source: Go `text/template/parse`."""

from __future__ import annotations

from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError
from lang.gotemplate.lexer import Kind, Token, tokens


class Cursor:
    """Reads tokens with as much looking ahead as is wanted."""

    def __init__(self, name: str, source: str) -> None:
        self._name, self._source = name, source
        self._tokens = tokens(source)
        self._i = 0
        self._seen = 0  # the furthest token that was looked at: errors tell its line
        self._depth = 0
        self._action_line = 0

    def _line(self, token: Token) -> int:
        return self._source.count("\n", 0, token.position) + 1

    def _fail(self, message: str, kind: ErrorKind = ErrorKind.SYNTAX) -> LangError:
        latest = self._tokens[self._seen]
        text = f"template: {self._name}:{self._line(latest)}: {message}"
        return LangError(kind, text, latest.position)

    def _unexpected(self, token: Token, context: str) -> LangError:
        if token.kind is not Kind.ERROR:
            return self._fail(f"unexpected {token} in {context}")
        extra = ""
        if self._action_line and self._action_line != self._line(token):
            extra = f" in action started at {self._name}:{self._action_line}"
            if token.text.endswith(" action"):
                extra = extra.removeprefix(" in action")
        return self._fail(token.text + extra)

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > DEFAULT_LIMITS.nesting:
            raise self._fail("nested too deeply", ErrorKind.LIMIT)

    def _peek(self) -> Token:
        self._seen = max(self._seen, self._i)
        return self._tokens[self._i]

    def _next(self) -> Token:
        token = self._peek()
        if self._i + 1 < len(self._tokens):
            self._i += 1
        return token

    def _peek_solid(self) -> Token:
        """The next token that is no blank; blanks before it are gone."""
        while self._peek().kind is Kind.SPACE:
            self._i += 1
        return self._peek()

    def _next_solid(self) -> Token:
        self._peek_solid()
        return self._next()

    def _expect(self, kind: Kind, context: str) -> Token:
        token = self._next_solid()
        if token.kind is not kind:
            raise self._unexpected(token, context)
        return token
