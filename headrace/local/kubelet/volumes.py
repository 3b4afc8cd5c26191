"""Volumes: from a pod's `volumes` to folders of this machine, and from mounts to binds.

`set_up` fills the folders and answers where each volume is; the answer is kept beside them, so
that a restarted kubelet finds the same places without filling them again. ConfigMap and Secret
volumes are filled once: they do not follow later changes.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headrace.local.kubelet import expansion, fields
from headrace.local.kubelet.amounts import Amount
from headrace.local.kubelet.errors import ConfigError, VolumeError
from headrace.local.kubelet.policy import Policy
from headrace.local.kubelet.privateroot import Bind
from headrace.local.kubelet.references import References
from headrace.local.kubelet.volumefiles import Content, checked, fill, inside
from kube.cluster import Object

PLACES = "volumes.json"
FOLDER_TYPES = {"", "DirectoryOrCreate", "Directory"}
Places = dict[str, str]


class Volumes:
    """Sets up the volumes of pods below one folder."""

    def __init__(self, claims: Path, policy: Policy, node: Amount) -> None:
        self._claims = claims
        self._policy = policy
        self._node = node

    async def set_up(self, pod: Object, folder: Path, references: References) -> Places:
        """Make and fill every volume. Raises VolumeError or ConfigError; safe to repeat."""
        declared = pod["spec"].get("volumes") or ()
        if not declared:
            return {}
        places: Places = {}
        for volume in declared:
            try:
                places[volume["name"]] = str(await self._one(pod, volume, folder, references))
            except ConfigError as error:
                raise VolumeError(
                    f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error.message}'
                ) from error
            except OSError as error:
                raise VolumeError(
                    f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error.strerror}'
                ) from error
        await asyncio.to_thread(_remember, folder, places)
        return places

    async def _one(
        self, pod: Object, volume: Mapping[str, Any], folder: Path, references: References
    ) -> Path:
        own = inside(folder / "volumes", volume["name"])
        kind = next((k for k in volume if k != "name"), "emptyDir")
        source = volume.get(kind) or {}
        match kind:
            case "emptyDir" | "ephemeral":
                await asyncio.to_thread(_empty, own)
            case "persistentVolumeClaim":
                claim = await references.claim(source["claimName"])
                meta = claim["metadata"]
                own = self._claims / f"{meta['namespace']}_{meta['name']}_{meta['uid']}"
                await asyncio.to_thread(_empty, own)
            case "hostPath":
                return await asyncio.to_thread(self._host_path, source)
            case "configMap" | "secret" | "downwardAPI":
                mode = source.get("defaultMode", 0o644)
                content = await self._content(pod, kind, source, references, mode)
                await asyncio.to_thread(fill, own, content)
            case "projected":
                content = []
                for part in source.get("sources") or ():
                    name = next(iter(part), "")
                    mode = source.get("defaultMode", 0o644)
                    content += await self._content(pod, name, part[name], references, mode)
                await asyncio.to_thread(fill, own, content)
            case _:
                raise ConfigError(f"volumes of type {kind} are not supported on this machine")
        return own

    async def _content(
        self,
        pod: Object,
        kind: str,
        source: Mapping[str, Any],
        references: References,
        mode: int,
    ) -> list[Content]:
        optional = bool(source.get("optional"))
        if kind == "downwardAPI":
            return [self._downward(pod, item, mode) for item in source.get("items") or ()]
        if kind == "configMap":
            name = source.get("name", "")
            data = await references.config_map(name, optional=optional)
            what = "configmap references non-existent config key"
        elif kind == "secret":
            name = source.get("secretName") or source.get("name", "")
            data = await references.secret(name, optional=optional)
            what = "references non-existent secret key"
        else:
            raise ConfigError(f"projected source {kind} is not supported on this machine")
        if data is None:
            return []
        if not source.get("items"):
            return [Content(key, value, mode) for key, value in data.items()]
        found = []
        for item in source["items"]:
            if item["key"] in data:
                path = checked(item["path"])
                found.append(Content(path, data[item["key"]], item.get("mode") or mode))
            elif not optional:
                raise ConfigError(f"{what}: {item['key']}")
        return found

    def _downward(self, pod: Object, item: Mapping[str, Any], mode: int) -> Content:
        if item.get("fieldRef"):
            value = fields.field(pod, item["fieldRef"]["fieldPath"])
        else:
            value = fields.resource(pod, item["resourceFieldRef"], "", self._node)
        return Content(checked(item["path"]), value.encode(), item.get("mode") or mode)

    def _host_path(self, source: Mapping[str, Any]) -> Path:
        path = Path(os.path.realpath(source["path"]))
        allowed = [Path(os.path.realpath(p)) for p in self._policy.host_paths]
        if not any(path == root or root in path.parents for root in allowed):
            raise ConfigError(
                f"hostPath {source['path']!r} is not allowed; allow it with --allow-host-path"
            )
        kind = source.get("type") or ""
        if kind == "DirectoryOrCreate":
            path.mkdir(mode=0o755, parents=True, exist_ok=True)
        elif kind == "FileOrCreate" and not path.exists():
            path.touch(mode=0o644)
        if not path.exists():
            raise ConfigError(f"hostPath type check failed: {source['path']} does not exist")
        if kind == "Directory" and not path.is_dir():
            raise ConfigError(f"hostPath type check failed: {source['path']} is not a directory")
        if kind == "File" and not path.is_file():
            raise ConfigError(f"hostPath type check failed: {source['path']} is not a file")
        return path


def remembered(folder: Path) -> Places | None:
    """Where the volumes of an earlier set-up are."""
    try:
        return dict(json.loads((folder / PLACES).read_bytes()))
    except (FileNotFoundError, ValueError):
        return None


def binds(container: Object, places: Places, env: Mapping[str, str]) -> list[Bind]:
    """The container's mounts. Raises ConfigError for a subPath that leads out of its volume."""
    made = []
    for mount in container.get("volumeMounts") or ():
        source = places[mount["name"]]
        sub = mount.get("subPath") or ""
        if mount.get("subPathExpr"):
            sub = expansion.expand(mount["subPathExpr"], env)
        if sub:
            try:
                source = str(_sub_path(Path(source), sub))
            except (ValueError, OSError) as error:
                raise ConfigError(
                    f'failed to prepare subPath for volumeMount "{mount["name"]}" of container '
                    f'"{container["name"]}": {error}'
                ) from error
        made.append(Bind(source, mount["mountPath"], bool(mount.get("readOnly"))))
    return made


def _sub_path(root: Path, sub: str) -> Path:
    """`root/sub` with its folders made; never outside `root`, whatever links are there."""
    if sub.startswith("/") or ".." in sub.split("/"):
        raise ValueError("must be a relative path without '..'")
    real_root = Path(os.path.realpath(root))
    path = Path(os.path.realpath(real_root / sub))
    if path != real_root and real_root not in path.parents:
        raise ValueError(f"{sub} leads out of the volume")
    if not path.exists():
        path.mkdir(mode=0o777, parents=True)
        path.chmod(0o777)
    return path


def _empty(folder: Path) -> None:
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True, mode=0o777)
        folder.chmod(0o777)


def _remember(folder: Path, places: Places) -> None:
    temporary = folder / f".{PLACES}"
    temporary.write_text(json.dumps(places))
    temporary.replace(folder / PLACES)
