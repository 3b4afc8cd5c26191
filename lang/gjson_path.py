"""How a gjson path is cut: components, brackets, the parts of a multipath. Caller: `gjson`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from lang import gjson_modifiers, gojson


@dataclass(slots=True)
class Part:
    """One component: its text without escapes, whether it is a pattern, what follows it."""

    text: str
    pattern: bool
    separator: str  # "", "." or "|"
    rest: str
    query: str = ""
    all: bool = False
    each: bool = False


def split(path: str) -> Part:
    """The first component of a path and what follows."""
    if path.startswith("#"):
        return _hash(path)
    text: list[str] = []
    pattern = False
    i = 0
    while i < len(path):
        character = path[i]
        if character == "\\" and i + 1 < len(path):
            following = path[i + 1]
            text.append("\\" + following if following in "*?\\" and pattern else following)
            if following in "*?" and not pattern:
                text[-1] = following
            i += 2
            continue
        if character in ".|":
            return Part("".join(text), pattern, _separator(path, i), path[i + 1 :])
        if character in "*?":
            pattern = True
        text.append(character)
        i += 1
    return Part("".join(text), pattern, "", "")


def _separator(path: str, at: int) -> str:
    """A dot before a modifier or a multipath works like a pipe."""
    return "|" if path[at] == "." and _pipes(path, at + 1) else path[at]


def _pipes(path: str, at: int) -> bool:
    if path[at : at + 1] == "@":
        return gjson_modifiers.split(path[at:])[0] in gjson_modifiers.TABLE
    return path[at : at + 1] in {"[", "{"}


def _hash(path: str) -> Part:
    if len(path) == 1:
        return Part("#", False, "", "", each=True)
    following = path[1]
    if following in ".|":
        return Part("#", False, following, path[2:], each=True)
    if following in "([":
        end = closing(path, 1)
        if end < 0:
            return Part(path, False, "", "")
        query, rest = path[2:end], path[end + 1 :]
        every = rest.startswith("#")
        rest = rest[1:] if every else rest
        separator = rest[:1] if rest[:1] in {".", "|"} else ""
        return Part("#", False, separator, rest[1:], query=query or " ", all=every)
    end = next((i for i, c in enumerate(path) if c in ".|"), len(path))
    return Part(path[:end], False, path[end : end + 1], path[end + 1 :])


def unquoted(text: str, start: int = 0) -> Iterator[tuple[int, str, int]]:
    """The characters from `start` on that are in no quote and not escaped: place, character, and
    how many brackets are open behind it."""
    depth = 0
    quoted = escaped = False
    for i in range(start, len(text)):
        character = text[i]
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif not quoted:
            depth += (character in "([{") - (character in ")]}")
            yield i, character, depth


def closing(path: str, start: int) -> int:
    """Where the bracket at `start` is closed, -1 if it is not."""
    return next((i for i, c, depth in unquoted(path, start) if c in ")]}" and depth == 0), -1)


def split_pipe(path: str) -> tuple[str, str]:
    """Before and after the first `|` outside of brackets and quotes."""
    depth = 0
    i = 0
    while i < len(path):
        character = path[i]
        if character == "\\":
            i += 1
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif (character == "|" and depth <= 0) or (
            character == "." and depth <= 0 and path[i + 1 : i + 2] == "@"
        ):
            return path[:i], path[i + 1 :]
        i += 1
    return path, ""


def split_top(text: str) -> list[str]:
    """The parts between commas that are in no bracket and no quote."""
    commas = [i for i, character, depth in unquoted(text) if character == "," and depth == 0]
    edges = [-1, *commas, len(text)]
    return [text[a + 1 : b] for a, b in itertools.pairwise(edges)]


def entry(text: str) -> tuple[str, str]:
    """A selector of a multipath: its name (given, or the last key) and its path."""
    depth = 0
    quoted = False
    for i, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif not quoted:
            if character in "([{":
                depth += 1
            elif character in ")]}":
                depth -= 1
            elif character == "@" and depth == 0 and text[i - 1 : i] in {"", ".", "|"}:
                break  # what follows a modifier is its argument
            elif character == ":" and depth == 0:
                name = text[:i]
                if name.startswith('"') and name.endswith('"') and len(name) > 1:
                    name = str(gojson.parse(name))
                return name, text[i + 1 :]
    return _last_name(text), text


def _last_name(path: str) -> str:
    start = 0
    for at, character in enumerate(path):
        if character in ".|" and path[at - 1 : at] != "\\":
            start = at + 1
    last = path[start:]
    return "_" if any(c < " " or c in "[]{}()#|!" for c in last) else last


def inside_quotes(text: str, at: int) -> bool:
    """Whether a place in a text is between quotes."""
    return text[:at].replace('\\"', "").count('"') % 2 == 1
