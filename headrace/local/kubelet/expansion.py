"""`$(NAME)` in commands, arguments and environment values.

Semantics: Kubernetes `third_party/forked/golang/expansion`: `$$(NAME)` is a literal `$(NAME)`,
a name that is not known stays as written, `$` before anything else is itself, and nothing is
scanned twice.
"""

from __future__ import annotations

from collections.abc import Mapping


def expand(text: str, variables: Mapping[str, str]) -> str:
    """`text` with its references replaced."""
    if "$" not in text:
        return text
    out: list[str] = []
    at = 0
    while True:
        dollar = text.find("$", at)
        if dollar < 0 or dollar + 1 >= len(text):
            out.append(text[at:])
            return "".join(out)
        out.append(text[at:dollar])
        following = text[dollar + 1]
        if following == "$":
            out.append("$")
            at = dollar + 2
        elif following == "(":
            close = text.find(")", dollar + 2)
            if close < 0:
                out.append("$(")
                at = dollar + 2
                continue
            name = text[dollar + 2 : close]
            out.append(variables.get(name, f"$({name})"))
            at = close + 1
        else:
            out.append("$" + following)
            at = dollar + 2
