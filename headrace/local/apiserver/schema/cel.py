"""One CEL rule: compiled once, run on values. The CEL library is an optional dependency.

`available()` says whether rules can run; without it they are skipped and the definition says so
in a condition. Rules see `self` and, for transition rules, `oldSelf`.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
from typing import Any

from headrace.local.apiserver.schema import cel_functions

_EXTENSIONS = {
    "ext_strings": "ExtStrings",
    "ext_math": "ExtMath",
    "ext_optional": "ExtOptional",
    "ext_encoders": "ExtEncoders",
    "ext_bindings": "ExtBindings",
}

_FORMS = {"date-time": "TIMESTAMP", "date": "TIMESTAMP", "duration": "DURATION"}


class CelError(Exception):
    """An expression that does not compile, or failed on a value; the text is CEL's."""


def available() -> bool:
    """Whether the CEL library is installed."""
    return importlib.util.find_spec("cel_expr_python") is not None


class Program:
    """A compiled expression. Stateless; may be run again and again."""

    __slots__ = ("_program",)

    def __init__(self, source: str, form: str) -> None:
        """Raises CelError when `source` is no CEL."""
        try:
            self._program = _environment(form).compile(source)
        except RuntimeError as error:
            raise CelError(_first_line(str(error))) from error

    def run(self, value: Any, old: Any = None) -> Any:
        """The result as a Python value. Raises CelError when it cannot be computed."""
        try:
            result = self._program.eval(data={"self": value, "oldSelf": old})
        except (RuntimeError, TypeError, ValueError, OverflowError) as error:
            # A value that CEL does not have, such as an integer of more than 64 bits.
            raise CelError(_first_line(str(error))) from error
        if result.type().name() == "*error*" or str(result.type()) == "ERROR":
            raise CelError(_reason(str(result.value())))
        return result.plain_value()


@functools.lru_cache(maxsize=2048)
def program(source: str, form: str = "") -> Program:
    """The compiled expression; the same text is compiled once. `form` is the format of `self`."""
    return Program(source, form if form in _FORMS else "")


@functools.cache
def _environment(form: str) -> Any:
    cel = importlib.import_module("cel_expr_python.cel")
    extensions = []
    for module, name in _EXTENSIONS.items():
        extension = importlib.import_module(f"cel_expr_python.ext.{module}")
        extensions.append(getattr(extension, name)())
    extensions.append(cel_functions.extension(cel))
    kind = getattr(cel.Type, _FORMS.get(form, "DYN"))
    variables = {"self": kind, "oldSelf": cel.Type.DYN}
    return cel.NewEnv(variables=variables, extensions=extensions)


def _first_line(text: str) -> str:
    return text.removeprefix("INVALID_ARGUMENT: ").split("\n", 1)[0]


def _reason(text: str) -> str:
    """CEL's own words without the status code before them."""
    code, separator, rest = text.partition(": ")
    if separator and code.isupper():
        text = rest
    if text.startswith(("Key not found in map", "no_such_key")):
        key = text.rsplit(":", 1)[-1].strip().strip("'\"")
        return f"no such key: {key}"
    return "no such overload" if text.startswith("No matching overloads") else text
