"""The `ArtifactStore` seam: bytes under keys.

Implementations: `objects.ObjectStore` (obstore: S3, GCS, Azure, a folder, memory). Keys use `/`,
never start with one, and hold no `..` part.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal, Protocol

from engine.artifacts.errors import ArtifactError


class ArtifactStore(Protocol):
    """One bucket, container or folder. All methods raise ArtifactError leaves."""

    def get(self, key: str) -> AsyncIterator[bytes]:
        """The content in pieces. Raises ArtifactNotFound."""
        ...

    async def put(self, key: str, content: AsyncIterator[bytes] | bytes) -> int:
        """Store and replace; readers see the old content or all of the new. The size in bytes."""
        ...

    def list(self, prefix: str) -> AsyncIterator[str]:
        """Every key below `prefix`, in no promised order."""
        ...

    async def delete(self, key: str) -> None:
        """Remove one key; a missing one is fine."""
        ...

    async def presign(self, key: str, method: Literal["GET", "PUT"], seconds: int) -> str:
        """A URL that allows one method on one key for a while; `file://` for a local folder."""
        ...


def checked(key: str) -> str:
    """The key, if it is one. Raises ArtifactError for absolute keys and `..` parts."""
    parts = key.split("/")
    if not key or key.startswith("/") or ".." in parts or "\0" in key:
        raise ArtifactError(f"artifact key {key!r}: must be relative and hold no '..'")
    return key
