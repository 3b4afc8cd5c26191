"""Template tags in a JSON *text*, exactly as the reference replaces them.

`tags` is what the engine uses; this module is for texts that arrive as JSON and for checking
agreement with the reference: names are matched against the escaped text, the rest of the text
keeps its own form, and values that Go's quoting cannot carry through JSON are refused. It is as
safe as `tags`: a tag that runs over the end of a JSON string is never replaced.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lang import gojson, strconv, tag_expr, tag_scan, tag_values
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError, Limits
from lang.tag_scan import Tag
from lang.tag_values import Policy, Scope


def replace(
    text: str,
    scope: Mapping[str, Any],
    *,
    allow_unresolved: bool = False,
    strict_prefixes: tuple[str, ...] | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> str:
    """`text` with its tags replaced; the modes are those of `tags.Template.render`.

    Raises LangError where the text is no JSON, a tag has no end, a name is unknown, or a value
    holds characters that the reference would write as something that is no JSON.
    """
    try:
        gojson.check(text)
    except LangError as error:
        message = "cannot do template replacements with invalid JSON"
        raise LangError(ErrorKind.SYNTAX, message, error.position) from None
    lenient = allow_unresolved or strict_prefixes is not None
    policy = Policy(lenient, strict_prefixes, subfields=False)
    variables = Scope(scope)
    pieces: list[str] = []
    for segment in tag_scan.scan(text):
        piece = segment if isinstance(segment, str) else _piece(segment, variables, policy)
        pieces.append(piece)
    result = "".join(pieces)
    if len(result) > limits.result:
        raise LangError(ErrorKind.LIMIT, f"the result is larger than {limits.result} bytes")
    return result


def replace_raw(text: str, scope: Mapping[str, Any]) -> str:
    """`text`, which is no JSON, with all its tags replaced as if it were (CronWorkflow `when`)."""
    variables = Scope(scope)
    policy = Policy(subfields=False)
    return "".join(
        segment if isinstance(segment, str) else _in_string(segment, variables, policy)
        for segment in tag_scan.scan(text)
    )


def resolve_value(reference: str, scope: Mapping[str, Any]) -> tuple[str, Any]:
    """What a whole-value reference stands for: its tag, and the value of any type.

    `reference` is `{{name}}`, `name` or `{{=expression}}`, as in valueFrom.parameter and
    artifact.from. Expressions see the flat names and no functions of Argo.
    """
    tag = reference.removeprefix(tag_scan.OPEN).removesuffix(tag_scan.CLOSE).strip()
    if tag.startswith("="):
        value = tag_expr.evaluate_flat(tag[1:].strip(), scope)
    else:
        value = scope.get(tag)
    if value is None:
        raise tag_values.Unresolved(f"Unable to resolve: {strconv.quote(tag)}", 0)
    return tag, value


def _piece(tag: Tag, scope: Scope, policy: Policy) -> str:
    if _leaves_string(tag.text):
        if policy.must_resolve(tag.name):
            raise tag_values.Unresolved(f"failed to resolve {tag}", tag.position)
        return str(tag)
    return _in_string(tag, scope, policy)


def _in_string(tag: Tag, scope: Scope, policy: Policy) -> str:
    if tag.is_expression:
        return _expression(tag, scope, policy)
    nested = tag.nested()
    if nested is not None and tag.name not in scope.variables:
        value = scope.variables.get(nested[1])
        if isinstance(value, str):
            return f"{tag_scan.OPEN}{nested[0]}{tag_values.go_quoted(value)}"
    value = tag_values.simple(tag, scope, policy, tag.text)
    return str(tag) if value is None else tag_values.go_quoted(value)


def _expression(tag: Tag, scope: Scope, policy: Policy) -> str:
    try:
        source = gojson.parse(f'"{tag.expression}"')
    except LangError as error:
        if policy.allow_unresolved:
            return str(tag)
        message = f"failed to unmarshall JSON expression: {error.message}"
        raise LangError(ErrorKind.SYNTAX, message, tag.position) from None
    unescaped = Tag("=" + source, tag.position)
    value = tag_expr.evaluate_raw(unescaped, scope, policy, shown=tag.expression)
    if value is tag_expr.STAYS:
        return str(tag)
    if isinstance(value, str):
        return gojson.escape_html(gojson.dumps(value))[1:-1]
    return tag_values.go_quoted(tag_expr.text_of(value))


def _leaves_string(text: str) -> bool:
    """Whether a tag's text holds a quote that ends a JSON string."""
    return '"' in text and tag_scan.has_bare_quote(text)
