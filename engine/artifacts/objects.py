"""`ObjectStore`: the seam on obstore, which speaks S3, GCS, Azure, folders and memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from engine.artifacts.errors import ArtifactError, ArtifactNotFound
from engine.artifacts.store import checked


class ObjectStore:
    """One obstore store. Made by `local_folder` and by `repository.open_store`."""

    def __init__(self, store: Any, *, folder: Path | None = None) -> None:
        self._store = store
        self._folder = folder

    async def get(self, key: str) -> AsyncIterator[bytes]:
        """The content in pieces of some megabytes."""
        import obstore

        with _mapped(key):
            found = await obstore.get_async(self._store, checked(key))
            async for piece in found.stream(min_chunk_size=1 << 20):
                yield bytes(piece)

    async def put(self, key: str, content: AsyncIterator[bytes] | bytes) -> int:
        """Store and replace, in parts where it is large."""
        import obstore

        size = 0

        async def counted() -> AsyncIterator[bytes]:
            nonlocal size
            if isinstance(content, bytes):
                size = len(content)
                yield content
                return
            async for piece in content:
                size += len(piece)
                yield piece

        with _mapped(key):
            await obstore.put_async(self._store, checked(key), counted())
        return size

    async def list(self, prefix: str) -> AsyncIterator[str]:
        """Every key below `prefix`."""
        import obstore

        with _mapped(prefix):
            async for page in obstore.list(self._store, prefix=prefix or None):
                for entry in page:
                    yield entry["path"]

    async def delete(self, key: str) -> None:
        """Remove one key."""
        import obstore

        try:
            with _mapped(key):
                await obstore.delete_async(self._store, checked(key))
        except ArtifactNotFound:
            return

    async def presign(self, key: str, method: Literal["GET", "PUT"], seconds: int) -> str:
        """A URL for one method on one key."""
        import obstore

        if self._folder is not None:
            return (self._folder / checked(key)).as_uri()
        with _mapped(key):
            return await obstore.sign_async(
                self._store, method, checked(key), timedelta(seconds=seconds)
            )


def local_folder(folder: Path) -> ObjectStore:
    """A store in a folder of this machine, made when it is missing."""
    from obstore.store import LocalStore

    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return ObjectStore(LocalStore(str(folder)), folder=folder)


@contextmanager
def _mapped(key: str) -> Iterator[None]:
    """The one place where obstore's and the system's errors become this house's."""
    from obstore.exceptions import BaseError, NotFoundError

    try:
        yield
    except (FileNotFoundError, NotFoundError) as error:
        raise ArtifactNotFound(f"artifact key {key!r}: not found") from error
    except (BaseError, OSError) as error:
        raise ArtifactError(f"artifact key {key!r}: {error}") from error
