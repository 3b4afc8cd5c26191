"""Who am I, may I: reviews and service account tokens. There is one user, who may everything."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from headrace.local.apiserver import answers, discovery
from headrace.local.apiserver.answers import Answer
from headrace.local.apiserver.api import Api
from headrace.local.apiserver.kinds import Kind
from headrace.local.apiserver.requests import Request

if TYPE_CHECKING:
    from headrace.local.apiserver.routes import Target

USER = {"username": "headrace:admin", "groups": ["system:masters", "system:authenticated"]}


def is_review(target: Target) -> bool:
    """Whether the path is one of a review."""
    served = discovery.REVIEWS.get((target.group, target.version), ())
    return any(plural == target.plural for plural, _ in served)


async def answer(request: Request, target: Target) -> dict[str, Any]:
    """The review, answered."""
    body = await request.value() or {}
    kinds = dict(discovery.REVIEWS[target.group, target.version])
    kind = kinds[target.plural]
    match kind:
        case "SelfSubjectReview":
            status: dict[str, Any] = {"userInfo": USER}
        case "TokenReview":
            status = {"authenticated": False}
        case "SelfSubjectRulesReview":
            everything = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}
            status = {
                "resourceRules": [everything],
                "nonResourceRules": [{"verbs": ["*"], "nonResourceURLs": ["*"]}],
                "incomplete": False,
            }
        case _:
            status = {"allowed": True}
    return {
        "kind": kind,
        "apiVersion": f"{target.group}/{target.version}",
        "metadata": {"creationTimestamp": None},
        "spec": body.get("spec") or {},
        "status": status,
    }


async def token(api: Api, request: Request, kind: Kind, target: Target) -> Answer:
    """A token for a service account. Nothing in this cluster checks it: pods get no API access."""
    api.get(kind, target.namespace, target.name)
    body = await request.value() or {}
    spec = {"expirationSeconds": 3600, **(body.get("spec") or {})}
    expires = datetime.now(UTC) + timedelta(seconds=spec["expirationSeconds"])
    return answers.value(
        request,
        {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {"name": target.name, "namespace": target.namespace},
            "spec": spec,
            "status": {
                "token": secrets.token_urlsafe(32),
                "expirationTimestamp": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
            },
        },
        201,
    )
