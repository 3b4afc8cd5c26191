"""A structural schema, ready to use: prune, default, validate. Made once per definition."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from headrace.local.apiserver.schema import cel, errors, pruning, rules
from headrace.local.apiserver.schema.errors import BLOCKING, FieldError
from headrace.local.apiserver.schema.values import Node


class Schema:
    """Safe to share between tasks; the given document must not change afterwards."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._root = Node(document)

    @functools.cached_property
    def _rules(self) -> rules.RuleNode | None:
        return rules.of(self._document)

    @property
    def has_rules(self) -> bool:
        """Whether there are CEL rules anywhere."""
        return self._rules is not None

    def prune(self, value: dict[str, Any]) -> list[str]:
        """Remove unknown fields in place; their paths, sorted (`spec.templates[0].nme`)."""
        return pruning.prune(value, self._document)

    def default(self, value: dict[str, Any]) -> None:
        """Fill in defaults in place, and drop nulls of fields that are not nullable."""
        pruning.default(value, self._document)

    def validate(
        self,
        value: dict[str, Any],
        old: dict[str, Any] | None = None,
        *,
        prior: Sequence[FieldError] = (),
    ) -> list[FieldError]:
        """Every finding: first the schema's, then the rules'.

        `prior` are findings made before (such as those on metadata): they are not returned, but
        rules are not run if one of them says the object's shape is wrong. Without the CEL library
        rules are skipped silently; the definition has a condition that says so.
        """
        try:
            return self._validate(value, old, prior)
        except RecursionError:
            return [errors.invalid("", "", "the object is nested too deeply")]

    def _validate(
        self, value: dict[str, Any], old: dict[str, Any] | None, prior: Sequence[FieldError]
    ) -> list[FieldError]:
        out: list[FieldError] = []
        self._root.validate(value, None, out)
        if self._rules is None or not cel.available():
            return out
        if any(each.type in BLOCKING for each in (*prior, *out)):
            return [*out, rules.skipped()]
        return out + rules.check(self._rules, value, old)


def compile_schema(document: dict[str, Any]) -> Schema:
    """The schema of an `openAPIV3Schema` document that `structural.violations` finds no fault in.

    Parts are compiled when a value first reaches them.
    """
    return Schema(document)
