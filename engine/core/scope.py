"""Scopes: which variables a tag may name at each place.

A scope is a read-only mapping from a variable's full name to its value; None is an absent
optional. Lookups are lazy; iterating (which only expressions need) lists what is visible.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from engine.core import results
from engine.core.frames import DagFrame, Flow, Result
from engine.core.run import Run


class FlowScope(Mapping[str, Any]):
    """What the steps or tasks of a flow see: inputs of the flow, results before them, globals.

    `extra` comes first: loop items, a hook's own step. `only` limits which tasks can be seen.
    """

    __slots__ = ("_extra", "_flow", "_globals", "_only", "_own", "_prefix", "_run")

    def __init__(
        self,
        run: Run,
        flow: Flow,
        *,
        extra: Mapping[str, Any] | None = None,
        own: tuple[str, Result] | None = None,
        only: frozenset[str] | None = None,
    ) -> None:
        self._run = run
        self._flow = flow
        self._globals = run.globals
        self._prefix = "tasks." if isinstance(flow, DagFrame) else "steps."
        self._extra = extra or {}
        self._own = own
        self._only = only

    def __getitem__(self, name: str) -> Any:
        if name in self._extra:
            return self._extra[name]
        if name.startswith(self._prefix):
            key, dot, rest = name[len(self._prefix) :].partition(".")
            result = self._result(key) if dot else None
            if result is not None:
                value = results.lookup(self._run, result, rest)
                if value is not results.MISSING:
                    return value
        local = self._flow.call.variables
        if name in local:
            return local[name]
        if name in self._globals:
            return self._globals[name]
        return self._run.objects[name]

    def _result(self, key: str) -> Result | None:
        if self._own is not None and self._own[0] == key:
            return self._own[1]
        if self._only is not None and key not in self._only:
            return None
        return self._flow.results.get(key)

    def __iter__(self) -> Iterator[str]:
        seen: dict[str, None] = dict.fromkeys(self._extra)
        for key in self._visible():
            result = self._result(key)
            if result is not None:
                for rest in results.names(self._run, result):
                    seen[f"{self._prefix}{key}.{rest}"] = None
        seen.update(dict.fromkeys(self._flow.call.variables))
        seen.update(dict.fromkeys(self._globals))
        seen.update(dict.fromkeys(self._run.objects))
        return iter(seen)

    def _visible(self) -> list[str]:
        keys = list(self._flow.results if self._only is None else sorted(self._only))
        if self._own is not None and self._own[0] not in keys:
            keys.append(self._own[0])
        return keys

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def get(self, name: str, default: Any = None) -> Any:
        try:
            return self[name]
        except KeyError:
            return default

    def __contains__(self, name: object) -> bool:
        try:
            self[name]  # type: ignore[index]
        except KeyError:
            return False
        return True
