"""Conditions that are not plain logic, put together the way Argo Events does it.

Owns the program in the older expr dialect that joins names and operators to one text; its
messages are what users see for a bad condition. Caller: `conditions`.
"""

from __future__ import annotations

from collections.abc import Mapping

from lang import expr
from lang.expr import values

_PIECES = (
    ("-", "_"),
    ("&&", ' + "&&" + '),
    ("||", ' + "||" + '),
    ("(", '"("+'),
    (")", '+")"'),
)


def evaluate(text: str, names: Mapping[str, str]) -> str:
    """The translated text. Raises LangError with expr-lang's message."""
    for written, joined in _PIECES:
        text = text.replace(written, joined)
    return values.go_text(expr.compile(text, site="conditions").eval(names))
