"""A compiled expression: parsed once, checked once for each shape of environment, run often."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

from lang.errors import ErrorKind, LangError
from lang.expr import checker, closures, names, parser, sites, types, values
from lang.expr.frame import Frame

_MISSING = type("Missing", (), {})


class Program:
    """What `compile` returns. Safe to share: a run keeps its state in a frame of its own."""

    __slots__ = ("_calls", "_checked", "_known", "_names", "_run", "_tree", "source")

    def __init__(self, source: str, site: str) -> None:
        self._known = sites.at(site)
        self.source = source
        self._tree = parser.parse(source, blocks=self._known.blocks)
        self._names = names.read(self._tree)
        self._run = closures.compile(source, self._tree)
        self._calls = not self._known.functions.keys().isdisjoint(self._names)
        self._checked: set[tuple[type, ...]] = set()
        if not self._known.typed:
            checker.check(source, self._tree, None)

    def check(self, env: Mapping[str, Any]) -> None:
        """Raise LangError(NAME, TYPE) for what cannot work with the names and types of `env`."""
        known = {name: types.of(value) for name, value in self._known.functions.items()}
        known |= {name: types.of(value) for name, value in env.items()}
        checker.check(self.source, self._tree, known)

    def eval(self, env: Mapping[str, Any]) -> Any:
        """The value in an environment of JSON values (nested, not dotted names).

        Ints and floats stay apart. Raises LangError: NAME and TYPE before anything has run.
        """
        self._prepare(env)
        return self._execute(env)

    def holds(self, env: Mapping[str, Any]) -> bool:
        """The value as a condition: anything but a bool is an error."""
        self._prepare(env)
        try:
            value = self._execute(env)
        except LangError as error:
            text = f"unable to evaluate expression '{self.source}': {error.message}"
            raise LangError(error.kind, text, error.position) from None
        if value is not True and value is not False:
            text = f"unable to cast expression result '{values.go_s(value)}' to bool"
            raise LangError(ErrorKind.TYPE, text)
        return bool(value)

    def _prepare(self, env: Mapping[str, Any]) -> None:
        if self._known.typed:
            shape = tuple([type(env.get(name, _MISSING)) for name in self._names])
            if shape not in self._checked:
                self.check(env)
                self._checked.add(shape)

    def _execute(self, env: Mapping[str, Any]) -> Any:
        if self._calls:
            env = {**self._known.functions, **env}
        try:
            return self._run(Frame(env))
        except RecursionError:
            raise LangError(ErrorKind.LIMIT, "nested too deeply", 0) from None


@functools.lru_cache(maxsize=4096)
def compile(source: str, site: str = "template") -> Program:
    """The program of a text at a place (`sites.Site`). Raises LangError(SYNTAX, LIMIT, TYPE)."""
    return Program(source, site)
