"""How many may hold a semaphore: the number in a ConfigMap's key, or in a row of the database.

A lock key is `<ns>/ConfigMap/<name>/<key>` or `<ns>/Database/<key>`. Source: Argo Workflows
`workflow/sync`.
"""

from __future__ import annotations

from engine.runtime.limit_database import DatabaseError, LimitDatabase
from engine.runtime.locks import LimitOf, LimitUnknown
from engine.runtime.views import Cache
from kube.cluster import Object


def source(cache: Cache, database: LimitDatabase | None) -> LimitOf:
    """Limits as the informer's ConfigMaps and the rows of `database` say now."""
    config_maps = _from_config_maps(cache)

    async def limit_of(key: str) -> int:
        if is_database(key):
            return await _from_database(key, database)
        return await config_maps(key)

    return limit_of


def is_database(key: str) -> bool:
    """Whether the limit of lock `key` is a row of the database."""
    return key.split("/", 2)[1:2] == ["Database"]


async def _from_database(key: str, database: LimitDatabase | None) -> int:
    namespace, _, name = key.split("/", 2)
    if database is None:
        raise LimitUnknown(f"failed to initialize semaphore {key}: no database is configured")
    try:
        limit = await database.get(f"{namespace}/{name}")
    except DatabaseError as error:
        raise LimitUnknown(f"failed to initialize semaphore {key} with limit: {error}") from None
    if limit is None:
        raise LimitUnknown(
            f"failed to initialize semaphore {key} with limit: "
            f"no row {namespace}/{name} in sync_limit"
        )
    if limit <= 0:
        raise LimitUnknown(f"failed to initialize semaphore {key} with limit")
    return limit


def _from_config_maps(cache: Cache) -> LimitOf:
    async def limit_of(key: str) -> int:
        namespace, _, name, field = [*key.split("/", 3), "", ""][:4]
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
