"""Read-only views on informer caches, in the shapes that the core asks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from kube.cluster import Object


class Cache(Protocol):
    """The part of an informer that a view needs."""

    def get(self, namespace: str | None, name: str) -> Object | None:
        """The object, or None."""
        ...

    def names(self, namespace: str | None) -> Iterator[str]:
        """The names of all objects of a namespace (None: cluster scope)."""
        ...


class ByName(Mapping[str, Any]):
    """The objects of one namespace by name; always as fresh as the informer."""

    __slots__ = ("_cache", "_namespace")

    def __init__(self, cache: Cache, namespace: str | None) -> None:
        self._cache = cache
        self._namespace = namespace

    def __getitem__(self, name: str) -> Any:
        found = self._cache.get(self._namespace, name)
        if found is None:
            raise KeyError(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return self._cache.names(self._namespace)

    def __len__(self) -> int:
        return sum(1 for _ in self)
