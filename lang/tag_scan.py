"""Finding `{{…}}` in a text: where tags begin and end, and of which kind they are.

Owns the scanner and nothing about values. Semantics: fasttemplate 1.2 (a tag ends at the first
`}}` after its `{{`, whatever lies between) with Argo's kinds: `{{name}}` and `{{=expression}}`.
"""

from __future__ import annotations

from dataclasses import dataclass

from lang import strconv
from lang.errors import ErrorKind, LangError

OPEN, CLOSE = "{{", "}}"


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag. `text` is what stands between the braces, blanks included."""

    text: str
    position: int = 0  # 0-based offset of the braces in the scanned text

    @property
    def is_expression(self) -> bool:
        return self.text.startswith("=")

    @property
    def name(self) -> str:
        """The looked-up name of a plain tag."""
        return self.text.strip()

    @property
    def expression(self) -> str:
        """The source of an expression tag."""
        return self.text[1:]

    def nested(self) -> tuple[str, str] | None:
        """`("inputs.parameters.", "item")` for `{{inputs.parameters.{{item}}`, else None."""
        at = self.text.rfind(OPEN)
        return (self.text[:at], self.text[at + 2 :]) if at > 0 else None

    def __str__(self) -> str:
        return f"{OPEN}{self.text}{CLOSE}"


Segment = str | Tag


class UnclosedTag(LangError):
    """`{{` without `}}` in the scanned text; `rest` is what follows the braces."""

    def __init__(self, text: str, rest: str) -> None:
        message = (
            f'Cannot find end tag="{CLOSE}" in the template={strconv.quote(text)}'
            f" starting from {strconv.quote(rest)}"
        )
        super().__init__(ErrorKind.SYNTAX, message, len(text) - len(rest) - len(OPEN))
        self.rest = rest


def scan(text: str) -> tuple[Segment, ...]:
    """The literal pieces and tags of `text`, in order. Raises UnclosedTag."""
    segments: list[Segment] = []
    at = 0
    while True:
        begin = text.find(OPEN, at)
        if begin < 0:
            break
        if begin > at:
            segments.append(text[at:begin])
        end = text.find(CLOSE, begin + 2)
        if end < 0:
            raise UnclosedTag(text, text[begin + 2 :])
        segments.append(Tag(text[begin + 2 : end], begin))
        at = end + 2
    if at < len(text):
        segments.append(text[at:])
    return tuple(segments)


def has_bare_quote(text: str) -> bool:
    """Whether JSON text holds a quote that is not escaped: it ends a string."""
    escaped = False
    for char in text:
        if char == '"' and not escaped:
            return True
        escaped = char == "\\" and not escaped
    return False
