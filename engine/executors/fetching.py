"""Reading small artifacts and Secrets into this process: manifests, header values, tokens.

Sizes are capped while they stream. Nothing read here is ever logged.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import io
import tarfile
import zlib
from collections.abc import Mapping
from typing import Any

from engine.artifacts.errors import ArtifactError
from engine.artifacts.locations import Locations
from engine.executors.inprocess import LeafFailed
from kube import resources
from kube.cluster import Cluster
from kube.errors import NotFound

MOST = 4 * 1024 * 1024  # bytes of an artifact that is read whole
GZIP = b"\x1f\x8b"


async def artifact(locations: Locations, namespace: str, wanted: Mapping[str, Any]) -> bytes:
    """The content of an artifact, unpacked when it is an archive of one file."""
    name = wanted.get("name", "")
    if "raw" in wanted:
        return str(wanted["raw"].get("data") or "").encode()
    store, key = await locations.open(namespace, wanted)
    content = bytearray()
    async for piece in store.get(key):
        content += piece
        if len(content) > MOST:
            raise ArtifactError(f"artifact {name!r}: larger than {MOST} bytes")
    return _unpacked(bytes(content), name)


def _unpacked(content: bytes, name: str) -> bytes:
    if not content.startswith(GZIP):
        return content
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as packed:
            plain = packed.read(MOST + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise ArtifactError(f"artifact {name!r}: broken archive") from error
    if len(plain) > MOST:
        raise ArtifactError(f"artifact {name!r}: larger than {MOST} bytes")
    try:
        with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
            files = [member for member in archive if member.isfile()]
            if len(files) != 1:
                raise ArtifactError(f"artifact {name!r}: must hold one file, not {len(files)}")
            opened = archive.extractfile(files[0])
            return opened.read() if opened is not None else b""
    except tarfile.TarError:
        return plain


async def secret(cluster: Cluster, namespace: str, selector: Mapping[str, Any]) -> str:
    """The text under a key of a Secret. Raises LeafFailed, naming what is missing."""
    name, key = str(selector.get("name") or ""), str(selector.get("key") or "")
    try:
        found = await cluster.get(resources.SECRETS, namespace, name)
    except NotFound:
        raise LeafFailed(f'secrets "{name}" not found') from None
    encoded = (found.get("data") or {}).get(key)
    if encoded is None:
        raise LeafFailed(f'key "{key}" does not exist in secret "{name}"')
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise LeafFailed(f'key "{key}" of secret "{name}" is not text') from None
