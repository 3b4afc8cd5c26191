"""How many may hold a semaphore: the number in the ConfigMap key that its name points to.

A lock key is `<ns>/ConfigMap/<name>/<key>`. Source: Argo Workflows `workflow/sync`.
"""

from __future__ import annotations

from engine.runtime.locks import LimitOf, LimitUnknown
from engine.runtime.views import Cache
from kube.cluster import Object


def from_config_maps(cache: Cache) -> LimitOf:
    """Limits as the informer's ConfigMaps say now."""

    async def limit_of(key: str) -> int:
        namespace, kind, name, field = [*key.split("/", 3), "", "", ""][:4]
        if kind != "ConfigMap":
            raise LimitUnknown(f"failed to initialize semaphore {key}: no such kind of lock")
        config_map = cache.get(namespace, name)
        if config_map is None:
            raise LimitUnknown(
                f'failed to initialize semaphore {key} with limit: configmaps "{name}" not found'
            )
        text = (config_map.get("data") or {}).get(field)
        if text is None or not text.strip().lstrip("-").isdigit():
            raise LimitUnknown(
                f"failed to initialize semaphore {key} with limit: "
                f"configmap {name} key {field} holds no number"
            )
        limit = int(text)
        if limit <= 0:
            raise LimitUnknown(f"failed to initialize semaphore {key} with limit")
        return limit

    return limit_of


def keys_of(config_map: Object) -> list[str]:
    """The lock keys that a ConfigMap could set the limit of."""
    meta = config_map["metadata"]
    prefix = f"{meta['namespace']}/ConfigMap/{meta['name']}"
    return [f"{prefix}/{field}" for field in config_map.get("data") or ()]
