"""The verbs: get, list, create, update, patch, delete, on every kind alike.

Between reading the newest state and handing a write to the state there is no await, so checks
hold when the write gets its revision. Both doors (HTTP, and `InProcessCluster`) come in here.
Source of the order of steps: Kubernetes `apiserver/pkg/registry/generic`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from headrace.local.apiserver import (
    admission,
    apply,
    deletion,
    meta,
    patches,
    refusals,
    shape,
    strategies,
    types,
)
from headrace.local.apiserver.kinds import Kind, Kinds
from headrace.local.apiserver.schema import FieldError
from headrace.local.apiserver.state import Key, State
from kube.cluster import Object, PatchType
from kube.errors import Conflict
from kube.resources import Resource

RETRIES = 5


@dataclass(frozen=True, slots=True)
class Write:
    """How a write is meant. `manager` empty: nobody's fields are tracked (in-process writers).

    `validation` is Strict, Warn or Ignore; `warn` gets the texts of warnings.
    """

    manager: str = ""
    validation: str = "Warn"
    dry_run: bool = False
    force: bool = False
    subresource: str = ""
    applied: bool = False  # who owns what is settled already
    warn: Callable[[str], None] = lambda _: None


PLAIN = Write()


class Api:
    """All verbs over one state."""

    def __init__(self, state: State, kinds: Kinds) -> None:
        self.state = state
        self.kinds = kinds
        self.admission = admission.Admission(state)

    # -- reading ----------------------------------------------------------------------------

    def kind(self, resource: Resource) -> Kind:
        """The kind that serves a resource. Raises NotFound."""
        found = self.kinds.find(resource.group, resource.version, resource.plural)
        if found is None:
            raise refusals.no_such_path()
        return found

    def get(self, kind: Kind, namespace: str | None, name: str) -> Object:
        """The committed object. Raises NotFound."""
        found = self.state.get(key_of(kind, namespace, name))
        if found is None:
            raise refusals.not_found(kind, name)
        return shown(kind, found)

    # -- create -----------------------------------------------------------------------------

    async def create(
        self, kind: Kind, namespace: str | None, body: Object, write: Write = PLAIN
    ) -> Object:
        """Store a new object. Raises AlreadyExists, Invalid, Forbidden, NotFound, BadRequest."""
        obj = copy.deepcopy(body)
        self._check_kind(kind, obj)
        self._check_namespace(kind, namespace, obj)
        self._decode(kind, obj, write)
        meta.prepare_create(obj, namespace if kind.resource.namespaced else None)
        if kind.has_status and kind.resource.kind != "CustomResourceDefinition":
            obj.pop("status", None)
        if kind.generation:
            obj["metadata"]["generation"] = 1
        self._default(kind, obj)
        self._namespace_takes(kind, namespace, obj["metadata"].get("name", ""))
        self.admission.create(kind, obj)
        self._validate(kind, obj, None)
        key = key_of(kind, namespace, obj["metadata"]["name"])
        if self.state.newest(key) is not None:
            raise refusals.exists(kind, key.name)
        if write.manager:
            apply.track(kind, None, obj, write.manager, "")
        if not write.dry_run:
            await self.state.write(key, obj)
        return obj

    def _namespace_takes(self, kind: Kind, namespace: str | None, name: str) -> None:
        if not kind.resource.namespaced or not namespace:
            return
        holder = self.state.newest(Key("namespaces", "", namespace))
        namespaces = self.kinds.find("", "v1", "namespaces")
        if holder is None and namespaces is not None:
            raise refusals.not_found(namespaces, namespace)
        if holder is not None and holder["metadata"].get("deletionTimestamp"):
            why = (
                f"unable to create new content in namespace {namespace} because it is being "
                "terminated"
            )
            raise refusals.forbidden(kind, name, why)

    # -- update and patch -------------------------------------------------------------------

    async def update(
        self, kind: Kind, namespace: str | None, name: str, body: Object, write: Write = PLAIN
    ) -> Object:
        """Replace. Raises NotFound, Conflict, Invalid, BadRequest."""
        obj = copy.deepcopy(body)
        self._check_kind(kind, obj)
        self._check_namespace(kind, namespace, obj)
        named = obj.setdefault("metadata", {}).setdefault("name", name)
        if named != name:
            raise refusals.bad_request(
                f"the name of the object ({named}) does not match the name on the URL ({name})"
            )
        self._decode(kind, obj, write)
        return await self._replace(kind, key_of(kind, namespace, name), obj, write)

    async def patch(
        self,
        kind: Kind,
        namespace: str | None,
        name: str,
        body: Any,
        dialect: PatchType,
        write: Write = PLAIN,
    ) -> tuple[Object, bool]:
        """Change what is there; True when apply made a new object.

        Without a resourceVersion in the patch there is nothing to conflict with: the newest
        state is patched. Raises NotFound, Conflict, Invalid, BadRequest.
        """
        key = key_of(kind, namespace, name)
        live = self.state.newest(key)
        if dialect is PatchType.APPLY:
            return await self._apply(kind, key, live, body, write)
        if live is None:
            raise refusals.not_found(kind, name)
        match dialect:
            case PatchType.JSON:
                changed = patches.json_patch(live, body)
            case PatchType.MERGE:
                changed = patches.merge_patch(live, body)
            case PatchType.STRATEGIC:
                changed = patches.strategic(live, body, shape.of(kind))
        changed = copy.deepcopy(changed)
        if changed["metadata"].get("name") != name:
            raise refusals.bad_request(
                f"the name of the object ({changed['metadata'].get('name')}) does not match "
                f"the name on the URL ({name})"
            )
        self._decode(kind, changed, write)
        return await self._replace(kind, key, changed, write), False

    async def _apply(
        self, kind: Kind, key: Key, live: Object | None, body: Object, write: Write
    ) -> tuple[Object, bool]:
        wanted = copy.deepcopy(body)
        self._check_kind(kind, wanted)
        wanted.setdefault("metadata", {}).setdefault("name", key.name)
        if wanted["metadata"]["name"] != key.name:
            raise refusals.bad_request(
                f"the name of the object ({wanted['metadata']['name']}) does not match the "
                f"name on the URL ({key.name})"
            )
        if wanted["metadata"].get("managedFields"):
            raise refusals.bad_request("metadata.managedFields must be nil")
        self._check_namespace(kind, key.namespace or None, wanted)
        self._decode(kind, wanted, write)
        if kind.resource.namespaced:
            wanted["metadata"]["namespace"] = key.namespace
        merged = apply.apply(kind, live, wanted, write.manager, force=write.force)
        if live is not None:
            settled = replace(write, applied=True)
            return await self._replace(kind, key, merged, settled), False
        fields = merged["metadata"].pop("managedFields")
        silent = Write("", "Ignore", dry_run=write.dry_run)
        obj = await self._created_by_apply(kind, key, merged, fields, silent)
        return obj, True

    async def _created_by_apply(
        self, kind: Kind, key: Key, body: Object, fields: list[Any], write: Write
    ) -> Object:
        """Create with the applier's fields already in, so that there is one write."""
        plain = self.admission
        try:
            self.admission = plain.carrying(fields)
            return await self.create(kind, key.namespace or None, body, write)
        finally:
            self.admission = plain

    async def _replace(self, kind: Kind, key: Key, obj: Object, write: Write) -> Object:
        live = self.state.newest(key)
        if live is None:
            raise refusals.not_found(kind, key.name)
        self._preconditions(kind, obj, live)
        self._keep(kind, obj, live, write.subresource)
        if not write.subresource and "managedFields" not in obj["metadata"]:
            managed = live["metadata"].get("managedFields")
            if managed:
                obj["metadata"]["managedFields"] = managed
        self._default(kind, obj)
        if kind.generation and _spec_of(obj) != _spec_of(live):
            obj["metadata"]["generation"] = live["metadata"].get("generation", 0) + 1
        self._validate(kind, obj, live)
        self.admission.update(kind, obj, live)
        obj["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"]
        if same(obj, live):
            return shown(kind, live)
        tracked = write.manager or live["metadata"].get("managedFields")
        if tracked and not write.applied:
            apply.track(kind, live, obj, write.manager or "headrace", write.subresource)
        if not write.dry_run:
            await self.state.write(key, obj, deleted=deletion.finished(kind, obj))
        return obj

    def _preconditions(self, kind: Kind, obj: Object, live: Object) -> None:
        wanted = obj["metadata"].get("resourceVersion")
        if wanted and wanted != "0" and wanted != live["metadata"]["resourceVersion"]:
            raise refusals.conflict(kind, live["metadata"]["name"])
        uid = obj["metadata"].get("uid")
        if uid and uid != live["metadata"]["uid"]:
            namespace = live["metadata"].get("namespace")
            place = "/".join(filter(None, (kind.key, namespace, live["metadata"]["name"])))
            why = (
                f"StorageError: invalid object, Code: 4, Key: /registry/{place}, "
                "ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in "
                f"precondition: {uid}, UID in object meta: {live['metadata']['uid']}"
            )
            raise refusals.conflict(kind, live["metadata"]["name"], why)

    def _keep(self, kind: Kind, obj: Object, live: Object, subresource: str) -> None:
        """What this door may not change comes from the stored object."""
        meta.keep_system_fields(obj, live)
        if subresource == "status":
            status, labels = obj.get("status"), obj["metadata"]
            annotations = labels.get("annotations")
            obj.clear()
            obj.update({k: v for k, v in live.items() if k != "status"})
            obj["metadata"] = dict(live["metadata"])
            if kind.resource.kind == "Pod":
                # The kubelet reports what it captured in the same write as the final phase.
                obj["metadata"].pop("annotations", None)
                if annotations:
                    obj["metadata"]["annotations"] = annotations
            if status is not None:
                obj["status"] = status
        elif kind.has_status and kind.resource.kind != "CustomResourceDefinition":
            obj.pop("status", None)
            if "status" in live:
                obj["status"] = live["status"]

    # -- delete -----------------------------------------------------------------------------

    async def delete(
        self, kind: Kind, namespace: str | None, name: str, options: deletion.Options
    ) -> tuple[Object, bool]:
        """Delete, or mark for deletion; the object and whether it is gone. Raises NotFound."""
        key = key_of(kind, namespace, name)
        live = self.state.newest(key)
        if live is None:
            raise refusals.not_found(kind, name)
        deletion.check(kind, live, options)
        obj, gone = deletion.marked(kind, live, options)
        if options.dry_run or (same(obj, live) and not gone):
            return obj, gone
        if kind.resource.kind == "Namespace":
            gone = False
        await self.state.write(key, obj, deleted=gone)
        return obj, gone

    # -- parts ------------------------------------------------------------------------------

    def _check_kind(self, kind: Kind, obj: Any) -> None:
        if not isinstance(obj, dict):
            raise refusals.bad_request("the object provided is not a JSON object")
        r = kind.resource
        written, version = obj.get("kind") or r.kind, obj.get("apiVersion") or r.api_version
        text = (
            f'{written} in version "{version.rpartition("/")[2]}" cannot be handled as a {r.kind}'
        )
        if version != r.api_version and not kind.custom:
            why = (
                f'no kind "{written}" is registered for version "{version}" in scheme '
                '"k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"'
            )
            raise refusals.bad_request(f"{text}: {why}")
        if written != r.kind and kind.custom:
            name = str((obj.get("metadata") or {}).get("name", ""))
            raise refusals.other_kind(kind, name, str(written))
        if written != r.kind:
            why = f"converting (v1.{written}) to (core.{r.kind}): unknown conversion"
            raise refusals.bad_request(f"{text}: {why}")
        if version != r.api_version:
            raise refusals.bad_request(
                f"the API version in the data ({version}) does not match the expected API "
                f"version ({r.api_version})"
            )
        if not isinstance(obj.setdefault("metadata", {}), dict):
            raise refusals.bad_request("metadata is not an object")
        for field in ("apiVersion", "kind"):
            obj.pop(field, None)
        head = {"apiVersion": r.api_version, "kind": r.kind}
        rest = dict(obj)
        obj.clear()
        obj.update(head | rest)

    def _check_namespace(self, kind: Kind, namespace: str | None, obj: Object) -> None:
        written = obj["metadata"].get("namespace")
        if kind.resource.namespaced and written and written != namespace:
            raise refusals.bad_request(
                "the namespace of the provided object does not match the namespace sent on the "
                "request"
            )
        if not kind.resource.namespaced:
            obj["metadata"].pop("namespace", None)

    def _decode(self, kind: Kind, obj: Object, write: Write) -> None:
        """Unknown fields go, loudly or not; wrong types are refused. Raises BadRequest."""
        r = kind.resource
        try:
            unknown = self._prune(kind, obj)
        except types.WrongType as error:
            raise refusals.bad_request(
                f'{r.kind} in version "{r.version}" cannot be handled as a {r.kind}: {error}'
            ) from error
        strategies.of(r.kind, custom=kind.custom).convert(obj)
        if not unknown or write.validation == "Ignore":
            return
        if write.validation == "Strict":
            listed = ", ".join(f'unknown field "{path}"' for path in unknown)
            raise refusals.bad_request(
                f'{r.kind} in version "{r.version}" cannot be handled as a {r.kind}: strict '
                f"decoding error: {listed}"
            )
        for path in unknown:
            write.warn(f'unknown field "{path}"')

    def _prune(self, kind: Kind, obj: Object) -> list[str]:
        if kind.schema is None:
            return types.prune(obj, kind.resource.kind) if types.known(kind.resource.kind) else []
        metadata = obj["metadata"]
        unknown = types.prune({"metadata": metadata}, "ConfigMap")
        return unknown + kind.schema.prune(obj)

    def _default(self, kind: Kind, obj: Object) -> None:
        if kind.schema is not None:
            kind.schema.default(obj)
        strategies.of(kind.resource.kind, custom=kind.custom).default(obj)

    def _validate(self, kind: Kind, obj: Object, live: Object | None) -> None:
        name = kind.resource.kind
        strategy = strategies.of(name, custom=kind.custom)
        found: list[FieldError] = meta.validate(obj, name, custom=kind.custom)
        if kind.schema is not None:
            found += kind.schema.validate(obj, live, prior=found)
        if live is None:
            found += strategy.validate(obj)
        else:
            found += meta.validate_update(obj, live)
            found += strategy.validate_update(obj, live)
        if found:
            raise refusals.invalid(kind, obj["metadata"].get("name", ""), found)


def key_of(kind: Kind, namespace: str | None, name: str) -> Key:
    """Where an object of the kind is stored."""
    return Key(kind.key, (namespace or "") if kind.resource.namespaced else "", name)


def shown(kind: Kind, obj: Object) -> Object:
    """The object in the version that was asked for."""
    version = kind.resource.api_version
    return obj if obj.get("apiVersion") == version else {**obj, "apiVersion": version}


def same(new: Object, old: Object) -> bool:
    """Whether a write would change nothing."""
    if new.keys() != old.keys():
        return False
    for field, value in new.items():
        if field == "metadata":
            left = {k: v for k, v in value.items() if k != "managedFields"}
            right = {k: v for k, v in old[field].items() if k != "managedFields"}
            if left != right:
                return False
            mine = {e["manager"] for e in value.get("managedFields") or ()}
            theirs = {e["manager"] for e in old[field].get("managedFields") or ()}
            if mine != theirs:
                return False
        elif value != old[field]:
            return False
    return True


def _spec_of(obj: Object) -> dict[str, Any]:
    return {k: v for k, v in obj.items() if k not in {"metadata", "status"}}


__all__ = ["Api", "Conflict", "Write", "key_of", "same", "shown"]
