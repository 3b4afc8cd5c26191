"""Builtins that run a predicate over a list: `filter(nums, # > 1)`, `reduce`, `sortBy`…

Source: expr-lang `compiler/compiler.go` (BuiltinNode). Each element is one step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from lang.errors import ErrorKind, LangError
from lang.expr import builtins, nodes, values
from lang.expr.frame import Closure, Frame

if TYPE_CHECKING:
    from lang.expr.closures import Compiler

Results = Iterator[tuple[Any, Any]]
"""Elements with what the predicate says of them."""


def compile(compiler: Compiler, node: nodes.Builtin) -> Closure:
    """The closure of a call."""
    collection = compiler.visit(node.arguments[0])
    body: Closure | None = None
    others: list[Closure] = []
    for argument in node.arguments[1:]:
        if isinstance(argument, nodes.Predicate):
            body = compiler.visit(argument.body)
        else:
            others.append(compiler.visit(argument))
    if node.name == "reduce":
        assert body is not None
        return _reduce(collection, body, others[0] if others else None)
    finish = FINISHERS[node.name]
    name = node.name

    def run(frame: Frame) -> Any:
        items = _items(name, collection(frame))
        extra = [other(frame) for other in others]
        return finish(_results(frame, items, body), *extra)

    return run


def _items(name: str, collection: Any) -> list[Any]:
    if isinstance(collection, list):
        return collection
    if isinstance(collection, bytes):
        return list(collection)
    text = f"invalid argument for {name} (type {values.go_type(collection)})"
    raise LangError(ErrorKind.TYPE, text)


def _results(frame: Frame, items: list[Any], body: Closure | None) -> Results:
    """Lazily, with `#` and `#index` set while the body runs."""
    outer = frame.item, frame.index
    try:
        for index, item in enumerate(items):
            frame.spend(1)
            frame.item, frame.index = item, index
            yield item, item if body is None else body(frame)
    finally:
        frame.item, frame.index = outer


def _true(verdict: Any) -> bool:
    if verdict is not True and verdict is not False:
        raise values.conversion(verdict, "bool")
    return bool(verdict)


def _reduce(collection: Closure, body: Closure, initial: Closure | None) -> Closure:
    def run(frame: Frame) -> Any:
        items = _items("reduce", collection(frame))
        if initial is None and not items:
            raise LangError(ErrorKind.VALUE, "reduce of empty array with no initial value")
        outer = frame.item, frame.index, frame.accumulator
        total = items[0] if initial is None else initial(frame)
        try:
            for index in range(1 if initial is None else 0, len(items)):
                frame.spend(1)
                frame.item, frame.index, frame.accumulator = items[index], index, total
                total = body(frame)
        finally:
            frame.item, frame.index, frame.accumulator = outer
        return total

    return run


def _find(results: Results) -> Any:
    return next((item for item, verdict in results if _true(verdict)), None)


def _find_index(results: Results) -> int | None:
    return next((i for i, (_, verdict) in enumerate(results) if _true(verdict)), None)


def _last(results: Results) -> tuple[Any, int | None]:
    found: tuple[Any, int | None] = None, None
    for index, (item, verdict) in enumerate(results):
        if _true(verdict):
            found = item, index
    return found


def _count(results: Results) -> int:
    return sum(1 for _, verdict in results if _true(verdict))


def _sum(results: Results) -> Any:
    total: Any = 0
    for _, value in results:
        total = values.add(value, total)
    return total


def _group(results: Results) -> dict[Any, list[Any]]:
    found: dict[Any, list[Any]] = {}
    for item, key in results:
        if isinstance(key, (list, dict)):
            text = f"runtime error: hash of unhashable type {values.go_type(key)}"
            raise LangError(ErrorKind.TYPE, text)
        found.setdefault(key, []).append(item)
    return found


def _sort(results: Results, order: Any = "asc") -> list[Any]:
    pairs = list(results)
    descending = builtins.descending(order)
    return builtins.ordered([i for i, _ in pairs], [k for _, k in pairs], descending=descending)


FINISHERS: dict[str, Callable[..., Any]] = {
    "all": lambda results: all(_true(verdict) for _, verdict in results),
    "any": lambda results: any(_true(verdict) for _, verdict in results),
    "none": lambda results: not any(_true(verdict) for _, verdict in results),
    "one": lambda results: _count(results) == 1,
    "filter": lambda results: [item for item, verdict in results if _true(verdict)],
    "map": lambda results: [value for _, value in results],
    "find": _find,
    "findIndex": _find_index,
    "findLast": lambda results: _last(results)[0],
    "findLastIndex": lambda results: _last(results)[1],
    "count": _count,
    "sum": _sum,
    "groupBy": _group,
    "sortBy": _sort,
}
