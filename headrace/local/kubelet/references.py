"""Looking up ConfigMaps and Secrets for a pod, once each.

Texts of the errors are the kubelet's own, since people (and tools) know them.
"""

from __future__ import annotations

import asyncio
import base64
import binascii

from headrace.local.kubelet.errors import ConfigError
from kube import resources
from kube.cluster import Cluster, Object
from kube.errors import KubeError, NotFound

SECONDS = 15.0


class References:
    """The look-ups of one preparation of one pod: a consistent, short-lived cache."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._known: dict[tuple[str, str], Object | None] = {}

    async def config_map(self, name: str, *, optional: bool = False) -> dict[str, bytes] | None:
        """Keys and contents; None when it is missing and optional. Raises ConfigError."""
        found = await self._find("configmap", name)
        if found is None:
            if optional:
                return None
            raise ConfigError(f'configmap "{name}" not found')
        data = {k: str(v).encode() for k, v in (found.get("data") or {}).items()}
        binary = found.get("binaryData") or {}
        return data | {k: _decoded(v) for k, v in binary.items()}

    async def secret(self, name: str, *, optional: bool = False) -> dict[str, bytes] | None:
        """Keys and contents; None when it is missing and optional. Raises ConfigError."""
        found = await self._find("secret", name)
        if found is None:
            if optional:
                return None
            raise ConfigError(f'secret "{name}" not found')
        return {k: _decoded(v) for k, v in (found.get("data") or {}).items()}

    async def claim(self, name: str) -> Object:
        """A PersistentVolumeClaim. Raises ConfigError."""
        found = await self._find("persistentvolumeclaim", name)
        if found is None:
            raise ConfigError(f'persistentvolumeclaim "{name}" not found')
        return found

    async def _find(self, kind: str, name: str) -> Object | None:
        if (kind, name) in self._known:
            return self._known[kind, name]
        resource = {
            "configmap": resources.CONFIGMAPS,
            "secret": resources.SECRETS,
            "persistentvolumeclaim": resources.PVCS,
        }[kind]
        found: Object | None = None
        try:
            async with asyncio.timeout(SECONDS):
                found = await self._cluster.get(resource, self._namespace, name)
        except NotFound:
            pass
        except (KubeError, TimeoutError) as error:
            raise ConfigError(f'cannot read {kind} "{name}": {error}') from error
        self._known[kind, name] = found
        return found


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text)
    except (ValueError, binascii.Error):
        return b""
