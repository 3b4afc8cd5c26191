"""Go template text to tokens. Source: Go `text/template/parse/lex.go`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from lang.errors import ErrorKind, LangError

LEFT, RIGHT = "{{", "}}"
_BLANKS = " \t\r\n"
_NUMBER = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|(?:[0-9_]+\.?[0-9_]*|\.[0-9_]+)"
    r"(?:[eE][+-]?[0-9_]+)?)i?"
)
_WORD = re.compile(r"[^\W\d]\w*")


class Kind(StrEnum):
    """What a token is."""

    TEXT = "text"
    LEFT = "left"
    RIGHT = "right"
    SPACE = "space"
    FIELD = "field"
    VARIABLE = "variable"
    WORD = "word"
    STRING = "string"
    RAW = "raw"
    CHARACTER = "character"
    NUMBER = "number"
    DOT = "dot"
    PIPE = "|"
    OPEN = "("
    CLOSE = ")"
    COMMA = ","
    ASSIGN = "="
    DECLARE = ":="
    OTHER = "other"
    END = "EOF"


@dataclass(frozen=True, slots=True)
class Token:
    """`text` as written, `position` its offset."""

    kind: Kind
    text: str
    position: int


_SINGLE = {"|": Kind.PIPE, "(": Kind.OPEN, ")": Kind.CLOSE, ",": Kind.COMMA, "=": Kind.ASSIGN}


def tokens(name: str, source: str) -> list[Token]:
    """All tokens, the last one END. Raises LangError(SYNTAX) as `template: name:line: …`."""
    return _Lexer(name, source).run()


class _Lexer:
    def __init__(self, name: str, source: str) -> None:
        self._name = name
        self._source = source
        self._at = 0
        self._found: list[Token] = []
        self._depth = 0

    def fail(self, message: str, position: int | None = None) -> LangError:
        at = self._at if position is None else position
        line = self._source.count("\n", 0, at) + 1
        return LangError(ErrorKind.SYNTAX, f"template: {self._name}:{line}: {message}", at)

    def _add(self, kind: Kind, text: str) -> None:
        self._found.append(Token(kind, text, self._at))
        self._at += len(text)

    def run(self) -> list[Token]:
        source = self._source
        trim = False
        while self._at < len(source):
            start = source.find(LEFT, self._at)
            end = len(source) if start < 0 else start
            text = source[self._at : end]
            if start >= 0 and self._trims_left(start):
                text = text.rstrip(_BLANKS)
            if trim:
                text = text.lstrip(_BLANKS)
            if text:
                self._found.append(Token(Kind.TEXT, text, self._at))
            if start < 0:
                break
            self._at = start
            trim = self._action()
        self._found.append(Token(Kind.END, "", len(source)))
        return self._found

    def _trims_left(self, start: int) -> bool:
        source = self._source
        return source[start + 2 : start + 3] == "-" and source[start + 3 : start + 4] in {*_BLANKS}

    def _action(self) -> bool:
        """From `{{` to after `}}`; whether the text behind loses its leading blanks."""
        start = self._at
        inner = start + (3 if self._trims_left(start) else 2)
        body = inner + 1 if inner == start + 3 else inner
        if self._source.startswith("/*", body):
            return self._comment(start, body)
        self._found.append(Token(Kind.LEFT, LEFT, start))
        self._at = inner
        self._depth = 0
        while True:
            if self._at >= len(self._source):
                raise self.fail("unclosed action")
            trims = self._closing()
            if trims is not None:
                if self._depth:
                    raise self.fail("unclosed left paren")
                return trims
            self._token()

    def _closing(self) -> bool | None:
        source = self._source
        if source.startswith(RIGHT, self._at):
            self._add(Kind.RIGHT, RIGHT)
            return False
        blank = source[self._at : self._at + 1] in {*_BLANKS} and self._at < len(source)
        if blank and source.startswith("-" + RIGHT, self._at + 1):
            self._at += 2
            self._add(Kind.RIGHT, RIGHT)
            return True
        return None

    def _comment(self, start: int, body: int) -> bool:
        end = self._source.find("*/", body)
        if end < 0:
            raise self.fail("unclosed comment", start)
        self._at = end + 2
        trims = self._closing()
        if trims is None:
            raise self.fail("comment ends before closing delimiter")
        self._found.pop()
        return trims

    def _token(self) -> None:
        source, at = self._source, self._at
        character = source[at]
        following = source[at + 1 : at + 2]
        if character in _BLANKS:
            self._spaces()
        elif character in _SINGLE:
            self._single(character)
        elif source.startswith(":=", at):
            self._add(Kind.DECLARE, ":=")
        elif character == '"':
            self._quoted('"', Kind.STRING, "unterminated quoted string")
        elif character == "'":
            self._quoted("'", Kind.CHARACTER, "unterminated character constant")
        elif character == "`":
            end = source.find("`", at + 1)
            if end < 0:
                raise self.fail("unterminated raw quoted string")
            self._add(Kind.RAW, source[at : end + 1])
        elif character == "$":
            self._named(Kind.VARIABLE, at + 1)
        elif character == "." and not following.isdigit():
            self._named(Kind.FIELD, at + 1)
        elif character in "+-." or character.isdigit():
            self._number()
        elif character.isalpha() or character == "_":
            self._word()
        elif character.isprintable() and character.isascii():
            self._add(Kind.OTHER, character)
        else:
            raise self.fail(f"unrecognized character in action: {_shown(character)}")

    def _spaces(self) -> None:
        end = self._at
        while end < len(self._source) and self._source[end] in _BLANKS:
            # A blank in front of `-}}` belongs to the closing.
            if self._source.startswith("-" + RIGHT, end + 1):
                break
            end += 1
        if end > self._at:
            self._add(Kind.SPACE, self._source[self._at : end])

    def _single(self, character: str) -> None:
        if character == "(":
            self._depth += 1
        elif character == ")":
            self._depth -= 1
            if self._depth < 0:
                raise self.fail("unexpected right paren")
        self._add(_SINGLE[character], character)

    def _quoted(self, quote: str, kind: Kind, complaint: str) -> None:
        end = self._at + 1
        source = self._source
        while end < len(source) and source[end] != quote:
            if source[end] == "\n":
                raise self.fail(complaint)
            end += 2 if source[end] == "\\" else 1
        if end >= len(source):
            raise self.fail(complaint)
        self._add(kind, source[self._at : end + 1])

    def _named(self, kind: Kind, start: int) -> None:
        match = _WORD.match(self._source, start)
        if match is None:
            text = self._source[self._at]
            self._add(Kind.DOT if kind is Kind.FIELD else kind, text)
        else:
            self._add(kind, self._source[self._at : match.end()])
        self._check_terminator()

    def _number(self) -> None:
        match = _NUMBER.match(self._source, self._at)
        end = match.end() if match else self._at + 1
        after = self._source[end : end + 1]
        if match is None or after.isalnum() or after == "_":
            shown = self._source[self._at : end + (1 if match else 0)]
            raise self.fail(f'illegal number syntax: "{shown}"')
        self._add(Kind.NUMBER, match.group())

    def _word(self) -> None:
        match = _WORD.match(self._source, self._at)
        assert match is not None
        self._add(Kind.WORD, match.group())
        self._check_terminator()

    def _check_terminator(self) -> None:
        following = self._source[self._at : self._at + 1]
        if (
            not following
            or following in " \t\r\n.,|:)("
            or self._source.startswith(RIGHT, self._at)
        ):
            return
        raise self.fail(f"bad character {_shown(following)}")


def _shown(character: str) -> str:
    return f"U+{ord(character):04X} '{character}'"
