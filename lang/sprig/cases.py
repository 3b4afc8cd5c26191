"""Upper and lower case of words: title, snake_case, CamelCase… Source: xstrings, goutils.

Letters change one by one, as in Go: what has no single counterpart (ß) stays.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator

_CJK = ((0x3400, 0x4D85), (0x4E00, 0x9FCC), (0x20000, 0x2B81D))


def upper(text: str) -> str:
    """`strings.ToUpper`."""
    return text.upper() if text.isascii() else "".join(map(_upper, text))


def lower(text: str) -> str:
    """`strings.ToLower`."""
    return text.lower() if text.isascii() else "".join(character.lower()[0] for character in text)


def _upper(character: str) -> str:
    found = character.upper()
    return found if len(found) == 1 else character


def title(text: str) -> str:
    """`strings.Title`: the first letter of each word."""
    found: list[str] = []
    previous = " "
    for character in text:
        large = character.title()
        found.append(large if _separates(previous) and len(large) == 1 else character)
        previous = character
    return "".join(found)


def _separates(character: str) -> bool:
    if character.isascii():
        return not (character.isalnum() or character == "_")
    return character.isspace()


def untitle(text: str) -> str:
    """The first letter of each word in lower case."""
    return re.sub(r"(^|\s)(\S)", lambda m: m.group(1) + lower(m.group(2)), text)


def swap(text: str) -> str:
    """Upper for lower case and the other way round."""
    return "".join(
        _upper(character) if character.islower() else lower(character) for character in text
    )


# -- words ----------------------------------------------------------------------------------


def _kind(character: str) -> str:
    """c connector, d one that is punctuation too, p other punctuation, u upper case, a other
    letter, n number, o anything else.
    """
    category = unicodedata.category(character)
    if character in "-_":
        return "d"
    if character.isspace():
        return "c"
    if category[0] == "P":
        return "p"
    if category == "Lu":
        return "u"
    if category[0] == "L" and not any(low <= ord(character) <= high for low, high in _CJK):
        return "a"
    return "n" if category[0] == "N" else "o"


_WORD = re.compile(
    r"(?P<c>[cd]+)|(?P<p>p[pd]*)|(?P<a>ua+|a+)|(?P<u>u+(?=ua)|u+)|(?P<n>n+)|(?P<o>o+)"
)


def _words(text: str) -> Iterator[tuple[str, str]]:
    """Kinds and words. A word of letters may begin with one capital; it counts as `u` then."""
    shape = "".join(map(_kind, text))
    for match in _WORD.finditer(shape):
        word = text[match.start() : match.end()]
        kind = match.lastgroup or "o"
        yield ("u" if kind == "a" and shape[match.start()] == "u" else kind), word


class _Lowering:
    """Joins words with a mark between, in lower case."""

    def __init__(self, text: str, mark: str) -> None:
        self._rest = _words(text)
        self._mark = mark
        self._out: list[str] = []

    def _next(self) -> tuple[str, str]:
        return next(self._rest, ("", ""))

    def _put(self, kind: str, word: str) -> None:
        if kind == "c":
            word = self._mark * len(word)
        if kind == "u":
            word = "".join(lower(c) if c.isupper() else c for c in word)
        self._out.append(word)

    def _letters(self, kind: str, word: str) -> tuple[str, str]:
        """The letters and numbers that go on right behind a number."""
        while kind in {"a", "n"}:
            self._put(kind, word)
            kind, word = self._next()
        return kind, word

    def run(self) -> str:
        kind, word = self._next()
        while kind:
            self._put(kind, word)
            before, (kind, word) = kind, self._next()
            if before == "n":
                kind, word = self._letters(kind, word)
                self._separate(kind)
            elif before not in {"c", "p"} and kind == "n":
                kind, word = self._numbered(word)
            elif before not in {"c", "p"}:
                self._separate(kind)
        return "".join(self._out)

    def _separate(self, following: str) -> None:
        if following and following not in {"c", "p"}:
            self._out.append(self._mark)

    def _numbered(self, number: str) -> tuple[str, str]:
        """A number behind a word is part of it, unless lower case follows: `http_2xx`."""
        kind, word = self._next()
        if kind != "a":
            self._put("n", number)
            self._separate(kind)
            return kind, word
        self._out.append(self._mark)
        self._put("n", number)
        kind, word = self._letters(kind, word)
        self._separate(kind)
        return kind, word


def joined(text: str, mark: str) -> str:
    """snake_case and kebab-case. Runs of separators stay as marks."""
    return _Lowering(text, mark).run()


def camel(text: str) -> str:
    """CamelCase of words that `_`, `-` or blanks separate; leading and doubled ones stay.

    A word all in capitals keeps only its first.
    """
    lead = re.match(r"[\s_\-]*", text)
    start = lead.group() if lead else ""
    rest = text[len(start) :]
    if not rest:
        return start + start[-1:]  # xstrings writes the last one twice
    return start + re.sub(r"([^\s_\-]+)|[\s_\-]+", _camel_piece(len(rest)), rest)


def _camel_piece(size: int) -> Callable[[re.Match[str]], str]:
    def piece(match: re.Match[str]) -> str:
        word = match.group()
        if match.group(1) is None:  # the last separator goes, but not at the end
            return word if match.end() == size else word[:-1]
        run = next((i for i, c in enumerate(word) if not c.isupper()), len(word))
        return _upper(word[0]) + lower(word[1:run]) + word[max(run, 1) :]

    return piece
