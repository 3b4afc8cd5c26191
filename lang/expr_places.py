"""What the places around an expression make of it: their environment, and what they ask back.

Owns the environments of event bindings, HTTP success conditions, data transformations, RBAC rules
and EventSource filters, and the wording of their errors. Source: Argo Workflows' and Argo Events'
callers of expr-lang; which functions each place has is `lang.expr.sites`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lang import expr, gojson, tag_values
from lang.errors import ErrorKind, LangError
from lang.expr import values
from lang.expr.values import Header, Strings


def output(source: str, env: Mapping[str, Any]) -> str:
    """`valueFrom.expression` as text. Raises LangError; nil is an error."""
    value = expr.compile(source, site="output").eval(env)
    if value is None:
        raise LangError(ErrorKind.VALUE, f'failed to evaluate expression "{source}"')
    return values.go_text(value)


# -- event bindings -------------------------------------------------------------------------


def event_environment(
    namespace: str, discriminator: str, headers: Mapping[str, list[str]], payload: Any
) -> dict[str, Any]:
    """What an event binding sees. Only `X-` headers: the others may hold credentials."""
    return {
        "namespace": namespace,
        "discriminator": discriminator,
        "metadata": {
            name.lower(): Strings(found)
            for name, found in headers.items()
            if name.lower().startswith("x-")
        },
        "payload": gojson.plain_floats(payload),
    }


def selected(source: str, env: Mapping[str, Any]) -> bool:
    """`event.selector`. Raises LangError."""
    try:
        return expr.compile(source, site="event-selector").holds(env)
    except LangError as error:
        raise _prefixed("failed to evaluate workflow template expression", error) from None


def event_parameter(name: str, source: str, env: Mapping[str, Any]) -> str:
    """`valueFrom.event` of a parameter: JSON text, a string without its quotes."""
    what = f"workflow template parameter {name} expression"
    try:
        program = expr.compile(source, site="event-parameter")
        program.check(env)
    except LangError as error:
        raise _prefixed(f"failed to compile {what}", error) from None
    try:
        text = gojson.dumps(_encodable(program.eval(env)), sort_keys=True)
    except LangError as error:
        quoted = f'failed to evaluate workflow template parameter "{name}" expression'
        raise _prefixed(quoted, error) from None
    return text[1:-1] if text.startswith('"') else text


def event_name(source: str, env: Mapping[str, Any]) -> str:
    """`submit.metadata.name` of a binding. Raises LangError where it is no text."""
    try:
        value = expr.compile(source, site="event-name").eval(env)
    except LangError as error:
        raise _prefixed("failed to evaluate workflow name expression", error) from None
    if not isinstance(value, str):
        text = "workflow name expression must evaluate to a string, not a "
        raise LangError(ErrorKind.TYPE, text + values.go_type(value))
    return value


# -- other places of workflows --------------------------------------------------------------


def http_success(source: str, request: Mapping[str, Any], response: Mapping[str, Any]) -> bool:
    """`http.successCondition` over a template's request and the response it got.

    `response`: `StatusCode`, `Body`, `Headers` (canonical name → list, absent: nil).
    """
    sent = request.get("body") or ""
    headers = response.get("Headers")
    env = {
        "request": {
            "method": request.get("method") or "",
            "url": request.get("url") or "",
            "body": sent,
            "bodyBytes": sent.encode(errors="replace"),
            "headers": {
                header["name"]: Strings([header["value"]])
                for header in request.get("headers") or ()
                if header.get("value")
            },
        },
        "response": {
            "statusCode": response.get("StatusCode", 0),
            "body": response.get("Body") or "",
            "headers": None
            if headers is None
            else Header({name: Strings(found) for name, found in headers.items()}),
        },
    }
    return expr.compile(source, site="http-success").holds(env)


def transformed(source: str, data: list[str]) -> Any:
    """One step of `data.transformation`."""
    return expr.compile(source, site="data").eval({"data": Strings(data)})


def granted(source: str, claims: Mapping[str, Any]) -> bool:
    """An `rbac-rule` over the claims of a token."""
    return expr.compile(source, site="rbac").holds(gojson.plain_floats(dict(claims)))


# -- EventSources ---------------------------------------------------------------------------


def event_passes(source: str, data: str) -> bool:
    """An EventSource's `filter.expression` over a JSON payload. Raises LangError."""
    return filter_program(source)(filter_payload(data))


def filter_payload(data: str) -> dict[str, Any]:
    """The environment of a filter: dotted names nested, `-` of top-level names is `_`."""
    try:
        tree = gojson.parse(data)
    except LangError as error:
        raise _prefixed("failed to unmarshal data,", error, glue=" ") from None
    if not isinstance(tree, dict):
        if tree is None:
            return {}
        kind = gojson.type_name(tree)
        text = f"cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
        raise LangError(ErrorKind.TYPE, f"failed to unmarshal data, json: {text}")
    nested = tag_values.nest(gojson.plain_floats(tree))
    return {name.replace("-", "_"): value for name, value in nested.items()}


def filter_program(source: str) -> Callable[[Mapping[str, Any]], bool]:
    """The filter as a function of an environment. Raises LangError(SYNTAX)."""
    try:
        return expr.compile(source, site="events").holds
    except LangError as error:
        text = f"unable to evaluate expression '{source}': {error.message}"
        raise LangError(error.kind, text, error.position) from None


def _prefixed(prefix: str, error: LangError, *, glue: str = ": ") -> LangError:
    return LangError(error.kind, f"{prefix}{glue}{error.message}", error.position)


def _encodable(value: Any) -> Any:
    from lang.expr import builtins

    return builtins.plain(value)
