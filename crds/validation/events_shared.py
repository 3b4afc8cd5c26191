"""Checks that EventSources, Sensors and the EventBus share: decoding, TLS, names, durations."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from crds import decode
from crds.errors import CrdError, FieldError
from crds.shape import Shape
from crds.validation.report import Report, Site
from lang import duration
from lang.errors import LangError

Json = dict[str, Any]


def decoded(
    item: Mapping[str, Any], kind: type[Shape], *, strict: bool
) -> tuple[Json, list[FieldError]]:
    """The canonical form and findings about unknown fields; raises CrdError on wrong types.

    The API server keeps any field of these kinds, so a misspelt one is found here or nowhere.
    """
    typed, unknown = decode.decode(item, kind)
    found = [FieldError(path, _unknown(path, kind)) for path in unknown] if strict else []
    return decode.encode(typed), found


def _unknown(path: str, kind: type[Shape]) -> str:
    text = f'unknown field "{path}"'
    if path.startswith("spec.") and path.count(".") == 1:
        spec = kind.__annotations__.get("spec")
        names = _names_of_spec(kind) if spec else []
        near = difflib.get_close_matches(path.removeprefix("spec."), names, 1)
        if near:
            text += f' (did you mean "{near[0]}"?)'
    return text


def _names_of_spec(kind: type[Shape]) -> list[str]:
    sample, _ = decode.decode({"spec": {}}, kind)
    spec = getattr(sample, "spec", None)
    return list(spec.__struct_encode_fields__) if isinstance(spec, Shape) else []


def wrong_types(error: CrdError) -> list[FieldError]:
    """The findings of a failed decoding."""
    return list(error.errors)


def require(report: Report, site: Site, holder: Mapping[str, Any], fields: Iterable[str]) -> None:
    """Every field of `fields` must be there; `a.b` reaches into an object."""
    for field in fields:
        value: Any = holder
        for part in field.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is None or value in ("", [], {}):
            report.add(site.below(field), f"{field} is required")


def exactly_one(report: Report, site: Site, holder: Mapping[str, Any], fields: list[str]) -> None:
    """One of `fields`, and no more."""
    given = [field for field in fields if holder.get(field)]
    if len(given) != 1:
        text = f"exactly one of {', '.join(fields)} is required"
        report.add(site, f"{text}, not {' and '.join(given)}" if given else text)


def check_tls(report: Report, site: Site, tls: Json | None) -> None:
    """A TLS block must say whom to trust, or that it is meant to be on."""
    if tls is None or tls.get("insecureSkipVerify"):
        return
    certificate, key = "clientCertSecret" in tls, "clientKeySecret" in tls
    if certificate != key:
        missing = "clientKeySecret" if certificate else "clientCertSecret"
        report.add(site.below(missing), "clientCertSecret and clientKeySecret come together")
    if not (certificate or key or "caCertSecret" in tls or tls.get("enabled")):
        text = (
            "one of caCertSecret, clientCertSecret with clientKeySecret, enabled and "
            "insecureSkipVerify is required"
        )
        report.add(site, text)


def check_secret(report: Report, site: Site, secret: Json | None) -> None:
    """A reference needs a name and a key."""
    if secret is not None:
        require(report, site, secret, ("name", "key"))


def check_word(report: Report, site: Site, word: str, allowed: Iterable[str]) -> None:
    """`word` is one of `allowed`; empty means the default."""
    words = tuple(allowed)
    if word and word not in words:
        report.add(site, f"'{word}' is not one of {', '.join(words)}")


def check_duration(report: Report, site: Site, text: str) -> None:
    """Empty, or a duration with units."""
    if not text:
        return
    try:
        duration.parse_go(text)
    except LangError as error:
        report.add(site, error.message)


def check_backoff(report: Report, site: Site, backoff: Json | None) -> None:
    """Numbers must be numbers; a text as duration must be one."""
    if backoff is None:
        return
    if isinstance(backoff.get("duration"), str):
        check_duration(report, site.below("duration"), backoff["duration"])
    for field in ("factor", "jitter"):
        amount = backoff.get(field)
        if amount is not None and not _is_number(amount):
            report.add(site.below(field), f"{field} must be a number, not {amount!r}")


def _is_number(amount: object) -> bool:
    try:
        float(str(amount))
    except ValueError:
        return False
    return True
