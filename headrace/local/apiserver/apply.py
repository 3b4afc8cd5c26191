"""Server-side apply, and who owns which field after any write.

Source: Kubernetes `managedfields` and structured-merge-diff. A manager that applies owns what it
lists; what it listed before and no longer does is removed, unless somebody else owns it too. Two
managers that want different values conflict, unless the later one forces.
"""

from __future__ import annotations

import copy
from typing import Any

from headrace.local.apiserver import fieldsets, meta, refusals
from headrace.local.apiserver.fieldsets import FieldSet
from headrace.local.apiserver.kinds import Kind
from headrace.local.apiserver.shape import Shape, of
from kube import errors
from kube.cluster import Object

Entry = dict[str, Any]
UNTRACKED = {"Event", "Lease"}


def apply(kind: Kind, live: Object | None, wanted: Object, manager: str, *, force: bool) -> Object:
    """The object after `manager` applied `wanted`. Raises Conflict with every field at issue."""
    shape = of(kind)
    entries = list(((live or {}).get("metadata") or {}).get("managedFields") or ())
    mine = next((e for e in entries if e["manager"] == manager and e["operation"] == "Apply"), None)
    owned = fieldsets.of_object(wanted, shape)
    if live is None:
        result: Object = copy.deepcopy(wanted)
        result["metadata"]["managedFields"] = [_entry(kind, manager, "Apply", owned)]
        return result
    others = [e for e in entries if e is not mine]
    conflicts = _conflicts(live, wanted, owned, others, shape)
    if conflicts and not force:
        raise _conflict(conflicts)
    result = merge(live, wanted, shape)
    before: FieldSet = mine["fieldsV1"] if mine else {}
    for path in sorted(fieldsets.leaves(fieldsets.minus(before, owned)), key=len, reverse=True):
        if not any(fieldsets.has(e["fieldsV1"], path) for e in others):
            _take_out(result, path, shape)
    lost: FieldSet = {}
    for _, path in conflicts:
        lost = fieldsets.plus(lost, _as_set(path))
    kept = [_without(e, lost) for e in others]
    same = mine is not None and mine["fieldsV1"] == owned
    own = mine if same and mine is not None else _entry(kind, manager, "Apply", owned)
    result["metadata"]["managedFields"] = [own, *(e for e in kept if e["fieldsV1"])]
    return result


def track(kind: Kind, before: Object | None, after: Object, manager: str, sub: str) -> None:
    """After a plain write: the writer owns what it changed. `after` is changed in place."""
    if kind.resource.kind in UNTRACKED:
        return
    shape = of(kind)
    entries = list(((before or {}).get("metadata") or {}).get("managedFields") or ())
    now = fieldsets.of_object(after, shape)
    if before is None:
        changed = now
    else:
        changed = _changed(before, after, now, shape)
        gone = fieldsets.minus(fieldsets.of_object(before, shape), now)
        entries = [_without(e, fieldsets.plus(gone, changed), manager, sub) for e in entries]
    if changed:
        mine = next(
            (
                e
                for e in entries
                if e["manager"] == manager
                and e["operation"] == "Update"
                and e.get("subresource", "") == sub
            ),
            None,
        )
        fields = fieldsets.plus(mine["fieldsV1"], changed) if mine else changed
        entries = [e for e in entries if e is not mine]
        entries.append(_entry(kind, manager, "Update", fields, sub))
    kept = [e for e in entries if e["fieldsV1"]]
    if kept:
        after["metadata"]["managedFields"] = kept
    else:
        after["metadata"].pop("managedFields", None)


def merge(live: Any, wanted: Any, shape: Shape) -> Any:
    """`wanted` over `live`: maps and keyed lists merge, sets unite, the rest is replaced."""
    if isinstance(live, dict) and isinstance(wanted, dict) and not shape.atomic:
        result = dict(live)
        for name, value in wanted.items():
            result[name] = merge(live[name], value, shape.member(name)) if name in live else value
        return copy.deepcopy(result)
    if isinstance(live, list) and isinstance(wanted, list):
        if shape.is_set:
            return live + [x for x in wanted if x not in live]
        if shape.keys:
            return _merge_keyed(live, wanted, shape)
    return copy.deepcopy(wanted)


def _merge_keyed(live: list[Any], wanted: list[Any], shape: Shape) -> list[Any]:
    present = {fieldsets.identity(item, shape): item for item in live}
    for item in wanted:
        key = fieldsets.identity(item, shape)
        present[key] = merge(present[key], item, shape.item()) if key in present else item
    return copy.deepcopy(list(present.values()))


def _conflicts(
    live: Object, wanted: Object, owned: FieldSet, others: list[Entry], shape: Shape
) -> list[tuple[str, tuple[str, ...]]]:
    found = []
    for path in fieldsets.leaves(owned):
        there, value = fieldsets.get(live, path, shape)
        _, mine = fieldsets.get(wanted, path, shape)
        if there and value == mine:
            continue
        found += [(e["manager"], path) for e in others if fieldsets.has(e["fieldsV1"], path)]
    return found


def _conflict(conflicts: list[tuple[str, tuple[str, ...]]]) -> Exception:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f'conflict with "{manager}"',
            "field": fieldsets.shown(path),
        }
        for manager, path in conflicts
    ]
    if len(causes) == 1:
        message = f"Apply failed with 1 conflict: {causes[0]['message']}: {causes[0]['field']}"
    else:
        listed = "\n".join(f"{c['message']}: {c['field']}" for c in causes)
        message = f"Apply failed with {len(causes)} conflicts: {listed}"
    return refusals.raised(errors.Conflict, message, {"causes": causes})


def _changed(before: Object, after: Object, now: FieldSet, shape: Shape) -> FieldSet:
    changed: FieldSet = {}
    for path in fieldsets.leaves(now):
        there, old = fieldsets.get(before, path, shape)
        _, new = fieldsets.get(after, path, shape)
        if not there or old != new:
            changed = fieldsets.plus(changed, _as_set(path))
    return changed


def _as_set(path: tuple[str, ...]) -> FieldSet:
    result: FieldSet = {}
    for name in reversed(path):
        result = {name: result}
    return result


def _without(entry: Entry, lost: FieldSet, manager: str = "", sub: str = "") -> Entry:
    """The entry minus fields that somebody else took (its own writer keeps them)."""
    same_writer = (
        manager
        and entry["manager"] == manager
        and entry["operation"] == "Update"
        and entry.get("subresource", "") == sub
    )
    if same_writer or not lost:
        return entry
    left = fieldsets.minus(entry["fieldsV1"], lost)
    return entry if left == entry["fieldsV1"] else {**entry, "fieldsV1": left}


def _take_out(obj: Object, path: tuple[str, ...], shape: Shape) -> None:
    """Remove an abandoned leaf; an item of a keyed list goes with its `.`."""
    if path[-1] == ".":
        fieldsets.remove(obj, path[:-1], shape)
    else:
        fieldsets.remove(obj, path, shape)


def _entry(kind: Kind, manager: str, operation: str, fields: FieldSet, sub: str = "") -> Entry:
    entry: Entry = {
        "manager": manager,
        "operation": operation,
        "apiVersion": kind.resource.api_version,
        "time": meta.now(),
        "fieldsType": "FieldsV1",
        "fieldsV1": fields,
    }
    return {**entry, "subresource": sub} if sub else entry
