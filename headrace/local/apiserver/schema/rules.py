"""`x-kubernetes-validations`: CEL rules found in a schema, run on an object.

Only the parts of a schema that hold rules are walked. A rule that names `oldSelf` is a transition
rule: it runs on updates, where the old value can be found (not inside lists without keys).
Source: Kubernetes' CEL validation of custom resources.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from headrace.local.apiserver.schema import cel, cel_values, errors
from headrace.local.apiserver.schema.errors import ErrorType, FieldError
from headrace.local.apiserver.schema.paths import Path, text_of

RULES = "x-kubernetes-validations"
SKIPPED = (
    "some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)
_OLD = re.compile(r"\boldSelf\b")
_MISSING: Any = object()
_WORDS = {
    ErrorType.INVALID: "Invalid value: ",
    ErrorType.REQUIRED: "Required value: ",
    ErrorType.FORBIDDEN: "Forbidden: ",
    ErrorType.DUPLICATE: "Duplicate value: ",
}


def skipped() -> FieldError:
    """Said instead of running rules on an object whose shape is wrong."""
    message = f"Invalid value: null: {SKIPPED}"
    return FieldError(errors.NIL, ErrorType.INVALID, message)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule as written."""

    rule: str
    message: str
    message_expression: str
    reason: ErrorType
    form: str
    field_path: str
    transition: bool
    optional_old: bool

    @staticmethod
    def parse(written: dict[str, Any], form: str) -> Rule:
        """From the schema; `form` is the format of the value it is about."""
        expression = str(written.get("messageExpression") or "")
        source = str(written.get("rule") or "").strip()
        return Rule(
            rule=source,
            message=" ".join(str(written.get("message") or "").split("\n")).strip(),
            message_expression=expression,
            reason=ErrorType(written.get("reason") or ErrorType.INVALID),
            form=form,
            field_path=str(written.get("fieldPath") or ""),
            transition=bool(_OLD.search(source)),
            optional_old=bool(written.get("optionalOldSelf")),
        )

    def check(self, value: Any, old: Any, path: Path) -> FieldError | None:
        """None when it holds. `value` and `old` are CEL's values."""
        try:
            holds = cel.program(self.rule, self.form).run(value, old)
        except cel.CelError as error:
            detail = f"{error} evaluating rule: {self.message or self._default()}"
            return self._failed(path, detail)
        if holds is True:
            return None
        return self._failed(path, self._message(value, old))

    def _message(self, value: Any, old: Any) -> str:
        if self.message_expression:
            try:
                text = cel.program(self.message_expression, self.form).run(value, old)
            except cel.CelError:
                text = ""
            if isinstance(text, str) and text.strip() and "\n" not in text:
                return text.strip()
        return self.message or self._default()

    def _default(self) -> str:
        return "failed rule: " + " ".join(self.rule.split("\n"))

    def _failed(self, path: Path, detail: str) -> FieldError:
        place = text_of(path) + self._below()
        place = place.removeprefix(".") or errors.NIL
        return FieldError(place, self.reason, _WORDS[self.reason] + detail)

    def _below(self) -> str:
        return re.sub(r"\['([^']*)'\]", r".\1", self.field_path)


class RuleNode:
    """The rules at one place of a schema and below. None where there are none: see `of`."""

    __slots__ = ("_fields", "_items", "_keys", "_others", "_rules", "_schema")

    def __init__(self, schema: dict[str, Any], fields: dict[str, RuleNode], parts: _Parts) -> None:
        self._schema = schema
        self._fields = fields
        self._items = parts.items
        self._others = parts.others
        self._rules = parts.rules
        keyed = schema.get("x-kubernetes-list-type") == "map"
        self._keys: list[str] = schema.get("x-kubernetes-list-map-keys") or [] if keyed else []

    def check(self, value: Any, old: Any, path: Path, out: list[FieldError]) -> None:
        """Run all rules on `value`; `old` is `_MISSING` where there is nothing before."""
        if self._rules and value is not None:
            self._check_here(value, old, path, out)
        if isinstance(value, dict):
            before = old if isinstance(old, dict) else {}
            for key, each in value.items():
                node = self._fields.get(key, self._others)
                if node is not None:
                    node.check(each, before.get(key, _MISSING), (path, key), out)
        elif isinstance(value, list) and self._items is not None:
            find = self._finder(old)
            for index, each in enumerate(value):
                self._items.check(each, find(each), (path, index), out)

    def _check_here(self, value: Any, old: Any, path: Path, out: list[FieldError]) -> None:
        seen = cel_values.of(value, self._schema)
        before = None if old is _MISSING else cel_values.of(old, self._schema)
        for rule in self._rules:
            if rule.transition and old is _MISSING and not rule.optional_old:
                continue
            failed = rule.check(seen, before, path)
            if failed is not None:
                out.append(failed)

    def _finder(self, old: Any) -> Any:
        """How the old entry of a list is found: by its keys, or not at all."""
        if not self._keys or not isinstance(old, list):
            return lambda _: _MISSING
        known = {self._key(each): each for each in old if isinstance(each, dict)}
        return lambda each: (
            known.get(self._key(each), _MISSING) if isinstance(each, dict) else _MISSING
        )

    def _key(self, entry: dict[str, Any]) -> tuple[str, ...]:
        return tuple(repr(entry.get(key)) for key in self._keys)


@dataclass(frozen=True, slots=True)
class _Parts:
    items: RuleNode | None
    others: RuleNode | None
    rules: tuple[Rule, ...]


def of(schema: dict[str, Any]) -> RuleNode | None:
    """The rules of a schema; None when it has none anywhere."""
    properties = schema.get("properties") or {}
    fields = {key: node for key, each in properties.items() if (node := of(each)) is not None}
    items, others = schema.get("items"), schema.get("additionalProperties")
    parts = _Parts(
        items=of(items) if isinstance(items, dict) else None,
        others=of(others) if isinstance(others, dict) else None,
        rules=tuple(
            Rule.parse(each, schema.get("format") or "") for each in schema.get(RULES) or ()
        ),
    )
    if not (fields or parts.items or parts.others or parts.rules):
        return None
    return RuleNode(schema, fields, parts)


def check(node: RuleNode, value: Any, old: Any | None) -> list[FieldError]:
    """Everything the rules have to say. `old=None` on create."""
    out: list[FieldError] = []
    node.check(value, _MISSING if old is None else old, None, out)
    return out
