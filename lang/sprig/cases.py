"""Upper and lower case of words: title, snake_case, camelCase… Source: xstrings, goutils."""

from __future__ import annotations

import re

_WORD = re.compile(  # a number in front of a lower-case letter begins a word: `http2xx`
    r"\d+[a-z][a-z0-9]*|[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+(?:\d+(?![a-z\d]))?"
    r"|[A-Z]+(?:\d+(?![a-z\d]))?|\d+|[^A-Za-z\d]+"
)


def title(text: str) -> str:
    """`strings.Title`: the first letter of each word."""
    found: list[str] = []
    previous = " "
    for character in text:
        found.append(character.title() if _separates(previous) else character)
        previous = character
    return "".join(found)


def _separates(character: str) -> bool:
    if character.isascii():
        return not (character.isalnum() or character == "_")
    return character.isspace()


def untitle(text: str) -> str:
    """The first letter of each word in lower case."""
    return re.sub(r"(^|\s)(\S)", lambda m: m.group(1) + m.group(2).lower(), text)


def swap(text: str) -> str:
    """Upper for lower case; the first letter of a word, where lower, becomes title case."""
    return text.swapcase()


def joined(text: str, mark: str) -> str:
    """snake_case and kebab-case: words in lower case with a mark between.

    Runs of separators stay as marks.
    """
    pieces: list[str] = []
    for run in re.findall(r"[^\s_\-]+|[\s_\-]+", text):
        if re.match(r"[\s_\-]", run):
            pieces.append(mark * len(run))
        else:
            pieces.append(mark.join(word.lower() for word in _WORD.findall(run)))
    return "".join(pieces)


def camel(text: str) -> str:
    """CamelCase of words that `_`, `-` or blanks separate; leading ones stay."""
    lead = re.match(r"[\s_\-]*", text)
    start = lead.group() if lead else ""
    words = re.split(r"[\s_\-]+", text[len(start) :])
    return start + "".join(word[:1].upper() + word[1:] for word in words)
