"""`{{=expression}}`: evaluation in a scope and what may stay unresolved.

Owns the decision between a value, "it stays" and an error in the reference's words. Source: Argo's
`util/template/expression_template.go`. Callers: `tags`, `tag_text`, `cron_when`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lang import expr, expr_names, gojson, strconv, tag_values
from lang.errors import ErrorKind, LangError
from lang.expr import builtins, functions, signatures
from lang.tag_scan import Tag
from lang.tag_values import Policy, Scope, Unresolved

STAYS: Final = object()
_PLACEHOLDER = "__argo__internal__placeholder"  # lint puts these where a value is not known yet


def evaluate(tag: Tag, scope: Scope, policy: Policy) -> str | None:
    """The text of an expression tag, None where it stays. Raises LangError."""
    value = evaluate_raw(tag, scope, policy, shown=tag.expression)
    if value is STAYS:
        return None
    return value if isinstance(value, str) else text_of(value)


def text_of(value: Any) -> str:
    """A value that is no text, as JSON."""
    return gojson.marshal(builtins.plain(value))


def evaluate_raw(tag: Tag, scope: Scope, policy: Policy, *, shown: str) -> Any:
    """The value, or STAYS. `shown` is the expression for messages. Raises LangError."""
    source, env = tag.expression, scope.nested()
    try:
        program = expr.compile(source, site="template")
    except LangError as error:
        if _has_placeholder(scope):
            return STAYS
        raise _failed(error, tag) from None
    known = {**functions.ARGO, **env}
    missing = expr_names.missing(source, known, signatures.BUILTINS)
    if missing is not None:
        if not policy.must_resolve(missing):
            return STAYS
        message = f"failed to evaluate expression: {missing} is missing"
        raise Unresolved(message, tag.position)
    try:
        value = program.eval(env)
    except LangError as error:
        if _lenient(scope, policy):
            return STAYS
        raise _failed(error, tag) from None
    if value is None:
        if _lenient(scope, policy):
            return STAYS
        message = f"failed to evaluate expression {strconv.quote(shown)}"
        raise LangError(ErrorKind.VALUE, message, tag.position)
    return value


def _failed(error: LangError, tag: Tag) -> LangError:
    message = f"failed to evaluate expression: {error.message}"
    return LangError(error.kind, message, tag.position)


def _lenient(scope: Scope, policy: Policy) -> bool:
    """Whether what fails may be tried again later."""
    if policy.strict_prefixes is not None:
        return False
    return policy.allow_unresolved or _has_placeholder(scope)


def _has_placeholder(scope: Scope) -> bool:
    values = scope.variables.values()
    return any(isinstance(value, str) and value.startswith(_PLACEHOLDER) for value in values)


def evaluate_flat(source: str, scope: Mapping[str, Any]) -> Any:
    """An expression over flat names, without Argo's functions. Raises LangError."""
    try:
        program = expr.compile(source, site="value-from")
        program.check(scope)
    except LangError as error:
        message = f"Unable to compile: {strconv.quote(source)}"
        raise LangError(error.kind, message, error.position) from None
    try:
        return program.eval(scope)
    except LangError as error:
        message = f"Invalid expression: {strconv.quote(source)}"
        raise LangError(error.kind, message, error.position) from None


def boolean(source: str, scope: Mapping[str, Any]) -> bool:
    """`stopStrategy.expression` over flat variables. Raises LangError where it is no boolean."""
    return expr.compile(source, site="cron-stop").holds(tag_values.nest(scope))
