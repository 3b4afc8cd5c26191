"""From paths to verbs: the Kubernetes REST conventions."""

from __future__ import annotations

import base64
from typing import Any

import orjson

from headrace.local.apiserver import (
    answers,
    deletion,
    podroutes,
    refusals,
    reviews,
    scaling,
    selection,
)
from headrace.local.apiserver.answers import Answer
from headrace.local.apiserver.api import Api, Write, shown
from headrace.local.apiserver.kinds import Kind
from headrace.local.apiserver.requests import Request
from headrace.local.apiserver.state import Key
from kube import errors
from kube.cluster import Object, PatchType
from kube.errors import KubeError

PATCHES_BUILTIN = (PatchType.JSON, PatchType.MERGE, PatchType.STRATEGIC, PatchType.APPLY)
PATCHES_CUSTOM = (PatchType.JSON, PatchType.MERGE, PatchType.APPLY)


class Target:
    """What a path addresses."""

    __slots__ = ("group", "name", "namespace", "plural", "subresource", "version")

    def __init__(self, path: str) -> None:
        parts = path.strip("/").split("/")
        if parts[0] == "api":
            self.group, self.version, rest = "", parts[1], parts[2:]
        else:
            self.group, self.version, rest = parts[1], parts[2], parts[3:]
        self.namespace: str | None = None
        if len(rest) > 2 and rest[0] == "namespaces" and rest[2] not in {"status", "finalize"}:
            self.namespace, rest = rest[1], rest[2:]
        self.plural = rest[0] if rest else ""
        self.name = rest[1] if len(rest) > 1 else ""
        self.subresource = "/".join(rest[2:])


class Routes:
    """Answers resource requests. Watches and streams are handled by the app."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def resolve(self, target: Target) -> Kind:
        """The kind behind a path. Raises NotFound."""
        kind = self._api.kinds.find(target.group, target.version, target.plural)
        if kind is None or (target.namespace and not kind.resource.namespaced):
            raise refusals.no_such_path()
        if target.subresource and target.subresource not in kind.subresources:
            raise refusals.no_such_path()
        return kind

    async def answer(self, request: Request, target: Target) -> Answer:
        """One request to its answer. Raises KubeError."""
        if reviews.is_review(target):
            return answers.value(request, await reviews.answer(request, target), 201)
        kind = self.resolve(target)
        if kind.key == "pods" and target.subresource in {"binding", "eviction"}:
            return await podroutes.answer(self._api, request, kind, target)
        if target.subresource == "token":
            return await reviews.token(self._api, request, kind, target)
        if target.subresource == "scale":
            write = self._write(request)
            return await scaling.answer(self._api, request, kind, target, write)
        match request.method, bool(target.name):
            case "GET", True:
                answers.form(request)
                return answers.one(
                    request, kind, self._api.get(kind, target.namespace, target.name)
                )
            case "GET", False:
                return self._list(request, kind, target.namespace)
            case "POST", False:
                return await self._create(request, kind, target)
            case "PUT", True:
                return await self._update(request, kind, target)
            case "PATCH", True:
                return await self._patch(request, kind, target)
            case "DELETE", True:
                return await self._delete(request, kind, target)
            case "DELETE", False:
                return await self._delete_collection(request, kind, target.namespace)
            case _:
                raise _not_allowed()

    # -- reading ----------------------------------------------------------------------------

    def _list(self, request: Request, kind: Kind, namespace: str | None) -> Answer:
        answers.form(request)
        items, meta = self._page(request, kind, namespace)
        return answers.many(request, kind, items, meta)

    def _page(
        self, request: Request, kind: Kind, namespace: str | None
    ) -> tuple[list[Object], dict[str, Any]]:
        state, query = self._api.state, request.query
        fields = query.get("fieldSelector", "")
        matches = selection.predicate(kind, query.get("labelSelector", ""), fields)
        space = namespace if kind.resource.namespaced else ""
        name = selection.name_of(fields)
        if name is not None and space is not None:
            found = state.get(Key(kind.key, space, name))
            objects = [found] if found is not None and matches(found) else []
        else:
            objects = [obj for obj in state.items(kind.key, space) if matches(obj)]
        meta: dict[str, Any] = {"resourceVersion": str(state.revision)}
        limit = int(query.get("limit") or 0)
        if query.get("continue"):
            after = _position(query["continue"])
            objects = [o for o in objects if _place(o) > after]
        if limit and len(objects) > limit:
            meta["continue"] = _token(objects[limit - 1])
            if not query.get("labelSelector") and not fields:
                meta["remainingItemCount"] = len(objects) - limit
            objects = objects[:limit]
        return [shown(kind, o) for o in objects], meta

    # -- writing ----------------------------------------------------------------------------

    def _write(self, request: Request, subresource: str = "") -> Write:
        query = request.query
        agent = request.headers.get("user-agent", "unknown").partition("/")[0]
        if query.get("dryRun") not in {None, "", "All"}:
            raise refusals.bad_request(f"invalid dryRun value {query['dryRun']!r}")
        return Write(
            manager=query.get("fieldManager") or agent or "unknown",
            validation=query.get("fieldValidation") or "Warn",
            dry_run=query.get("dryRun") == "All",
            force=request.flag("force"),
            subresource=subresource,
            warn=request.warned.append,
        )

    async def _create(self, request: Request, kind: Kind, target: Target) -> Answer:
        if kind.resource.namespaced and not target.namespace:
            raise _not_allowed()
        body = await request.value()
        obj = await self._api.create(kind, target.namespace, body, self._write(request))
        return answers.one(request, kind, obj, 201, answers.warnings(request.warned))

    async def _update(self, request: Request, kind: Kind, target: Target) -> Answer:
        body = await request.value()
        write = self._write(request, target.subresource)
        if target.subresource == "finalize":
            write = self._write(request)
        obj = await self._api.update(kind, target.namespace, target.name, body, write)
        return answers.one(request, kind, obj, 200, answers.warnings(request.warned))

    async def _patch(self, request: Request, kind: Kind, target: Target) -> Answer:
        known = PATCHES_CUSTOM if kind.custom else PATCHES_BUILTIN
        try:
            dialect = PatchType(request.content_type)
        except ValueError as error:
            raise refusals.raised(
                refusals.UnsupportedMediaType, "415: Unsupported Media Type", {}
            ) from error
        if dialect not in known:
            listed = ", ".join(known)
            raise refusals.raised(
                refusals.UnsupportedMediaType,
                "the body of the request was in an unknown format - accepted media types "
                f"include: {listed}",
            )
        body = await request.value()
        if dialect is PatchType.APPLY and not request.query.get("fieldManager"):
            raise refusals.raised(
                errors.Invalid,
                'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is '
                "required for apply patch",
            )
        write = self._write(request, target.subresource)
        obj, made = await self._api.patch(kind, target.namespace, target.name, body, dialect, write)
        return answers.one(
            request, kind, obj, 201 if made else 200, answers.warnings(request.warned)
        )

    async def _delete(self, request: Request, kind: Kind, target: Target) -> Answer:
        options = deletion.options_of(await request.value(), request.query)
        obj, gone = await self._api.delete(kind, target.namespace, target.name, options)
        if not gone or kind.key == "pods":
            return answers.one(request, kind, obj)
        meta, r = obj["metadata"], kind.resource
        details = {"name": meta["name"]}
        if r.group:
            details["group"] = r.group
        details |= {"kind": r.plural, "uid": meta["uid"]}
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        return answers.value(request, {**status, "details": details})

    async def _delete_collection(
        self, request: Request, kind: Kind, namespace: str | None
    ) -> Answer:
        options = deletion.options_of(await request.value(), request.query)
        items, meta = self._page(request, kind, namespace)
        gone = []
        for obj in items:
            space = obj["metadata"].get("namespace")
            try:
                deleted, _ = await self._api.delete(kind, space, obj["metadata"]["name"], options)
            except errors.NotFound:
                continue
            gone.append(deleted)
        return answers.many(request, kind, gone, meta)


def _place(obj: Object) -> tuple[str, str]:
    meta = obj["metadata"]
    return meta.get("namespace", ""), meta["name"]


def _token(obj: Object) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(_place(obj))).decode().rstrip("=")


def _position(token: str) -> tuple[str, str]:
    try:
        padded = token + "=" * (-len(token) % 4)
        namespace, name = orjson.loads(base64.urlsafe_b64decode(padded))
        return str(namespace), str(name)
    except ValueError as error:
        raise refusals.bad_request("continue key is not valid") from error


def _not_allowed() -> KubeError:
    message = "the server does not allow this method on the requested resource"
    return refusals.raised(refusals.MethodNotAllowed, message, {})
