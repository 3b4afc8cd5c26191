"""Go template text to tokens. Source: Go `text/template/parse/lex.go`.

A mistake is the last token, of kind ERROR: the parser reports it when it gets there, so that an
earlier mistake of another sort is the one that is told.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from lang import strconv

LEFT, RIGHT = "{{", "}}"
_BLANKS = " \t\r\n"
_BLANK = frozenset(_BLANKS)
_WORD = re.compile(r"\w+")
_NUMBER = re.compile(
    r"[+-]?(?:0[xX][0-9a-fA-F_]*(?:\.[0-9a-fA-F_]*)?(?:[pP][+-]?[0-9_]*)?"
    r"|0[oO][0-7_]*(?:\.[0-7_]*)?|0[bB][01_]*(?:\.[01_]*)?"
    r"|[0-9_]*(?:\.[0-9_]*)?(?:[eE][+-]?[0-9_]*)?)i?"
)


class Kind(StrEnum):
    """What a token is."""

    TEXT = "text"
    LEFT = "left"
    RIGHT = "right"
    SPACE = "space"
    FIELD = "field"
    VARIABLE = "variable"
    WORD = "word"
    KEYWORD = "keyword"
    STRING = "string"
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
    ERROR = "error"
    END = "EOF"


KEYWORDS = frozenset(
    ["if", "else", "end", "range", "with", "template", "define", "block", "break", "continue"]
)


@dataclass(frozen=True, slots=True)
class Token:
    """`text` as written, or the message of an ERROR; `position` its offset."""

    kind: Kind
    text: str
    position: int

    def __str__(self) -> str:
        """As messages show it."""
        match self.kind:
            case Kind.END:
                return "EOF"
            case Kind.ERROR:
                return self.text
            case Kind.KEYWORD | Kind.DOT:
                return f"<{self.text}>"
            case Kind.WORD if self.text == "nil":
                return "<nil>"
            case _ if len(self.text) > 10:
                return strconv.quote(self.text[:10]) + "..."
            case _:
                return strconv.quote(self.text)


_SINGLE = {"|": Kind.PIPE, "(": Kind.OPEN, ")": Kind.CLOSE, ",": Kind.COMMA, "=": Kind.ASSIGN}


def tokens(source: str) -> list[Token]:
    """All tokens; the last one is END or ERROR."""
    return _Lexer(source).run()


class _Mistake(Exception):
    pass


class _Lexer:
    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._start = 0
        self._found: list[Token] = []
        self._depth = 0

    def _add(self, kind: Kind, text: str) -> None:
        self._found.append(Token(kind, text, self._at))
        self._at += len(text)

    def run(self) -> list[Token]:
        try:
            self._texts()
            self._found.append(Token(Kind.END, "", len(self._source)))
        except _Mistake as mistake:
            self._found.append(Token(Kind.ERROR, str(mistake), self._start))
        return self._found

    def _texts(self) -> None:
        source = self._source
        while self._at < len(source):
            start = source.find(LEFT, self._at)
            end = len(source) if start < 0 else start
            text = source[self._at : end]
            if start >= 0 and self._trims_left(start):
                text = text.rstrip(_BLANKS)
            if text:
                self._found.append(Token(Kind.TEXT, text, self._at))
            if start < 0:
                break
            self._at = start
            if self._action():
                while source[self._at : self._at + 1] in _BLANK:
                    self._at += 1

    def _trims_left(self, start: int) -> bool:
        source = self._source
        return source[start + 2 : start + 3] == "-" and source[start + 3 : start + 4] in _BLANK

    def _action(self) -> bool:
        """From `{{` to after `}}`; whether the text behind loses its leading blanks."""
        source, start = self._source, self._at
        inner = start + (4 if self._trims_left(start) else 2)
        self._start = inner
        if source.startswith("/*", inner):
            return self._comment(inner)
        self._found.append(Token(Kind.LEFT, LEFT, start))
        self._at = inner
        self._depth = 0
        while True:
            self._start = self._at
            trims = self._closing()
            if trims is not None:
                return trims
            if self._at >= len(source):
                raise _Mistake("unclosed action")
            self._token()

    def _closing(self) -> bool | None:
        source, at = self._source, self._at
        trims = source[at : at + 1] in _BLANK and source.startswith("-" + RIGHT, at + 1)
        if not trims and not source.startswith(RIGHT, at):
            return None
        if self._depth:
            raise _Mistake("unclosed left paren")
        self._at += 2 if trims else 0
        self._add(Kind.RIGHT, RIGHT)
        return trims

    def _comment(self, start: int) -> bool:
        end = self._source.find("*/", start + 2)
        if end < 0:
            raise _Mistake("unclosed comment")
        self._at = end + 2
        self._depth = 0
        trims = self._closing()
        if trims is None:
            raise _Mistake("comment ends before closing delimiter")
        self._found.pop()
        return trims

    def _token(self) -> None:
        source, at = self._source, self._at
        character = source[at]
        following = source[at + 1 : at + 2]
        if character in _BLANK:
            self._spaces()
        elif character in _SINGLE:
            self._single(character)
        elif character == ":":
            if following != "=":
                raise _Mistake("expected :=")
            self._add(Kind.DECLARE, ":=")
        elif character in "\"'":
            self._quoted(character)
        elif character == "`":
            end = source.find("`", at + 1)
            if end < 0:
                raise _Mistake("unterminated raw quoted string")
            self._add(Kind.STRING, source[at : end + 1])
        elif character == "$":
            self._named(Kind.VARIABLE)
        elif character == "." and following and following not in "0123456789":
            self._named(Kind.FIELD)
        elif character in "+-." or character in "0123456789":
            self._number()
        elif character.isalnum() or character == "_":
            self._word()
        elif character.isprintable() and character.isascii():
            self._add(Kind.OTHER, character)
        else:
            raise _Mistake(f"unrecognized character in action: {_shown(character)}")

    def _spaces(self) -> None:
        source, end = self._source, self._at
        while end < len(source) and source[end] in _BLANK:
            if source.startswith("-" + RIGHT, end + 1):
                break  # that blank belongs to the closing
            end += 1
        if end > self._at:
            self._add(Kind.SPACE, source[self._at : end])

    def _single(self, character: str) -> None:
        if character == "(":
            self._depth += 1
        elif character == ")":
            self._depth -= 1
            if self._depth < 0:
                raise _Mistake("unexpected right paren")
        self._add(_SINGLE[character], character)

    def _quoted(self, quote: str) -> None:
        source, end = self._source, self._at + 1
        while end < len(source) and source[end] != quote:
            if source[end] == "\n":
                break
            end += 2 if source[end] == "\\" and source[end + 1 : end + 2] != "\n" else 1
        if end >= len(source) or source[end] == "\n":
            what = "quoted string" if quote == '"' else "character constant"
            raise _Mistake(f"unterminated {what}")
        kind = Kind.STRING if quote == '"' else Kind.CHARACTER
        self._add(kind, source[self._at : end + 1])

    def _named(self, kind: Kind) -> None:
        match = _WORD.match(self._source, self._at + 1)
        if match is None and kind is Kind.FIELD:
            if not self._ends(self._at + 1):
                raise _Mistake(f"bad character {_shown(self._source[self._at + 1])}")
            self._add(Kind.DOT, ".")
            return
        end = self._at + 1 if match is None else match.end()
        self._terminated(end)
        self._add(kind, self._source[self._at : end])

    def _number(self) -> None:
        source = self._source
        match = _NUMBER.match(source, self._at)
        assert match is not None
        end = match.end()
        second = source[end : end + 1] in {"+", "-"}
        if second:
            again = _NUMBER.match(source, end)
            assert again is not None
            end = again.end()
        odd = _alphanumeric(source[end : end + 1])
        if odd or (second and source[end - 1] != "i"):
            shown = strconv.quote(source[self._at : end + odd])
            raise _Mistake(f"bad number syntax: {shown}")
        self._add(Kind.NUMBER, source[self._at : end])

    def _word(self) -> None:
        match = _WORD.match(self._source, self._at)
        end = self._at + 1 if match is None else match.end()
        self._terminated(end)
        word = self._source[self._at : end]
        self._add(Kind.KEYWORD if word in KEYWORDS else Kind.WORD, word)

    def _terminated(self, end: int) -> None:
        if not self._ends(end):
            raise _Mistake(f"bad character {_shown(self._source[end])}")

    def _ends(self, end: int) -> bool:
        following = self._source[end : end + 1]
        return not following or following in " \t\r\n.,|:)(" or self._source.startswith(RIGHT, end)


def _alphanumeric(character: str) -> bool:
    return character.isalnum() or character == "_"


def _shown(character: str) -> str:
    code = f"U+{ord(character):04X}"
    return f"{code} '{character}'" if character.isprintable() else code
