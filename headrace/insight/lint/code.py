"""The places where a manifest holds program text, and the tags that are pasted into it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from headrace.insight.lint.corpus import Container
from headrace.insight.lint.model import Path

SHELLS = frozenset({"sh", "bash", "ash", "dash", "zsh", "ksh"})
INTERPRETERS = {"python": "-c", "python3": "-c", "node": "-e", "perl": "-e", "ruby": "-e"}
TAG = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_NAME = re.compile(
    r"(?<![\w.])((?:inputs|workflow)\.parameters\b[\w.\-]*|workflow\.(?:labels|annotations)\.[\w./\-]+"
    r"|(?:steps|tasks)\.[\w\-]+\.outputs\.[\w.\-]+|item(?:\.[\w.\-]+)?)"
)


@dataclass(frozen=True, slots=True)
class Code:
    """Program text of a container: where, in which language, with which tags."""

    container: Container
    path: Path
    text: str
    language: str  # "sh", or the interpreter's name

    @property
    def shell(self) -> bool:
        """Whether a shell reads it."""
        return self.language == "sh"

    def pasted(self) -> Iterator[tuple[str, list[str]]]:
        """`(tag, names)`: each tag that brings in values from outside, once."""
        seen = set()
        for match in TAG.finditer(self.text):
            names = _NAME.findall(match.group(1))
            if names and match.group(0) not in seen:
                seen.add(match.group(0))
                yield match.group(0), names


def of(container: Container) -> Iterator[Code]:
    """The program texts of a container."""
    body = container.body
    command, args = _words(body.get("command")), _words(body.get("args"))
    source = body.get("source")
    if isinstance(source, str):
        language = _language(command[0]) if command else "sh"
        yield Code(container, (*container.path, "source"), source, language)
    words = [*((("command", i), w) for i, w in enumerate(command))]
    words += [(("args", i), w) for i, w in enumerate(args)]
    for index, (_, word) in enumerate(words):
        language = _language(word)
        flag = "c" if language == "sh" else INTERPRETERS.get(language, " ")[-1]
        for follower in range(index + 1, min(index + 4, len(words) - 1)):
            option = words[follower][1]
            if option.startswith("-") and not option.startswith("--") and flag in option:
                place, text = words[follower + 1]
                yield Code(container, (*container.path, *place), text, language)
                break


def _language(word: str) -> str:
    name = word.rpartition("/")[2]
    return "sh" if name in SHELLS else name


def _words(value: Any) -> list[str]:
    return (
        [each if isinstance(each, str) else "" for each in value or ()]
        if isinstance(value, list)
        else []
    )


def quotes_before(text: str) -> str | None:
    """Which quotes a shell is inside of behind `text`: `'`, `"` or none; None: it is not clear."""
    if "<<" in text or "$'" in text:
        return None
    state, index = "", 0
    while index < len(text):
        char = text[index]
        if state == "'":
            state = "" if char == "'" else state
        elif char == "\\":
            index += 1
        elif char == '"':
            state = "" if state else '"'
        elif char == "'" and not state:
            state = "'"
        elif char in "`#" or text.startswith("$(", index):
            if char != "#":
                return None  # a language inside the language
            if not state and (index == 0 or text[index - 1] in " \t\n;"):
                end = text.find("\n", index)
                index = len(text) if end < 0 else end
        index += 1
    return state
