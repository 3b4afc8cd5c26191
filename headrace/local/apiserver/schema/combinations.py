"""allOf, anyOf, oneOf, not: schemas made of schemas, with Kubernetes' texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headrace.local.apiserver.schema import errors
from headrace.local.apiserver.schema.errors import FieldError
from headrace.local.apiserver.schema.paths import Path, text_of

Check = Callable[[Any, Path, list[FieldError]], None]
Validate = Check


def checks(schema: dict[str, Any], make: Callable[[dict[str, Any]], Validate]) -> list[Check]:
    """The checks of allOf, anyOf, oneOf and not; `make` compiles a schema."""
    found: list[Check] = []
    if "allOf" in schema:
        found.append(_all_of([make(each) for each in schema["allOf"]]))
    if "anyOf" in schema:
        found.append(_any_of([make(each) for each in schema["anyOf"]]))
    if "oneOf" in schema:
        found.append(_one_of([make(each) for each in schema["oneOf"]]))
    if "not" in schema:
        found.append(_not(make(schema["not"])))
    return found


def _failures(node: Validate, value: Any, path: Path) -> list[FieldError]:
    out: list[FieldError] = []
    node(value, path, out)
    return out


def _whole(path: Path, detail: str) -> FieldError:
    return errors.invalid("", "", f'"{text_of(path)}" {detail}')


def _all_of(nodes: list[Validate]) -> Check:
    def check(value: Any, path: Path, out: list[FieldError]) -> None:
        results = [_failures(node, value, path) for node in nodes]
        if any(results):
            none = ". None validated" if all(results) else ""
            out.append(_whole(path, f"must validate all the schemas (allOf){none}"))
        for each in results:
            out += each

    return check


def _any_of(nodes: list[Validate]) -> Check:
    def check(value: Any, path: Path, out: list[FieldError]) -> None:
        best: list[FieldError] | None = None
        for node in nodes:
            failures = _failures(node, value, path)
            if not failures:
                return
            best = failures if best is None else best
        out.append(_whole(path, "must validate at least one schema (anyOf)"))
        out += best or []

    return check


def _one_of(nodes: list[Validate]) -> Check:
    def check(value: Any, path: Path, out: list[FieldError]) -> None:
        results = [_failures(node, value, path) for node in nodes]
        valid = sum(not each for each in results)
        if valid == 1:
            return
        many = f"Found {valid} valid alternatives" if valid else "Found none valid"
        out.append(_whole(path, f"must validate one and only one schema (oneOf). {many}"))
        if not valid and results:
            out += results[0]

    return check


def _not(node: Validate) -> Check:
    def check(value: Any, path: Path, out: list[FieldError]) -> None:
        if not _failures(node, value, path):
            out.append(_whole(path, "must not validate the schema (not)"))

    return check
