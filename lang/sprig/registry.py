"""How sprig's functions are written down: what each takes, and the call.

A signature is letters, one for each parameter: `s` string, `i` int, `f` float64, `b` bool, `m` map
with string keys, `a` anything; a last `*` repeats the letter before it. Templates check arguments
by it; expressions only count them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError

# What a function raises of Python's own when it is given what its signature does not say.
ESCAPES = (TypeError, ValueError, ArithmeticError, AttributeError, LookupError, RecursionError)


@dataclass(frozen=True, slots=True)
class Function:
    """One function.

    `rest`: the kind of all further arguments, None where there are none. `pace`: how many
    characters or items it works through for one step of a template's budget.
    """

    call: Callable[..., Any]
    parameters: str
    rest: str | None = None
    pace: int = 64

    def __call__(self, *arguments: Any) -> Any:
        """The value. Raises LangError for a wrong number of arguments and what the call raises."""
        least = len(self.parameters)
        if len(arguments) < least or (self.rest is None and len(arguments) > least):
            text = f"invalid number of arguments: expected {least}, got {len(arguments)}"
            raise LangError(ErrorKind.TYPE, text)
        try:
            return self.call(*arguments)
        except ESCAPES:
            raise LangError(ErrorKind.TYPE, "invalid argument") from None


Table = Mapping[str, Function]


def takes(signature: str, call: Callable[..., Any], pace: int = 64) -> Function:
    """The function with a signature as in this module's docstring."""
    if signature.endswith("*"):
        return Function(call, signature[:-2], signature[-2], pace)
    return Function(call, signature, None, pace)


def fail(message: str) -> LangError:
    """What a sprig function returns or panics with."""
    return LangError(ErrorKind.VALUE, message)


def bounded(size: int) -> None:
    """Raise LangError(LIMIT) before a result of this many characters or items is made."""
    if size > DEFAULT_LIMITS.result:
        raise LangError(ErrorKind.LIMIT, "the result is too large")
