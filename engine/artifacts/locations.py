"""From an artifact's location to the store and the key that hold it.

A location is what users write (`s3: {endpoint, bucket, key, accessKeySecret …}`), completed by
the core from the artifact repository. Credentials are read from the Secrets it names, when they
are needed, and never kept longer than a minute, so rotated ones count.
Source of the fields: Argo Workflows `Artifact` drivers.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from engine.artifacts import objects
from engine.artifacts.errors import ArtifactError
from engine.artifacts.objects import ObjectStore
from engine.artifacts.store import ArtifactStore
from kube import resources
from kube.cluster import Cluster
from kube.errors import NotFound

LOCAL_ENDPOINT = "local.headrace.dev"
"""The endpoint of the repository in a folder of this machine, S3-shaped like any other."""
LOCAL_REPOSITORY: dict[str, Any] = {
    "s3": {
        "endpoint": LOCAL_ENDPOINT,
        "bucket": "artifacts",
        "keyFormat": "{{workflow.name}}/{{pod.name}}",
    }
}
FRESH = 60.0  # seconds that a store with its credentials is reused

Artifact = Mapping[str, Any]


class Locations:
    """Opens stores. One instance for the process; safe to use concurrently."""

    def __init__(self, cluster: Cluster, local_folder: Path | None = None) -> None:
        self._cluster = cluster
        self._local_folder = local_folder
        self._opened: dict[tuple[str, bytes], tuple[float, ObjectStore]] = {}

    async def open(self, namespace: str, artifact: Artifact) -> tuple[ArtifactStore, str]:
        """The store and the key. Raises ArtifactError, naming the artifact and the field."""
        name = artifact.get("name", "")
        for kind, key_field, opener in (
            ("s3", "key", self._s3),
            ("gcs", "key", self._gcs),
            ("azure", "blob", self._azure),
        ):
            location = artifact.get(kind)
            if location is None:
                continue
            key = location.get(key_field)
            if not key:
                raise ArtifactError(f"artifact {name!r}: {kind}.{key_field} is empty")
            place = {k: v for k, v in location.items() if k != key_field}
            cached = (namespace, orjson.dumps([kind, place], option=orjson.OPT_SORT_KEYS))
            known = self._opened.get(cached)
            if known is None or time.monotonic() - known[0] > FRESH:
                known = (time.monotonic(), await opener(namespace, name, location))
                self._opened[cached] = known
            return known[1], key
        raise ArtifactError(f"artifact {name!r}: no location that this engine can store to")

    async def _s3(self, namespace: str, name: str, location: Artifact) -> ObjectStore:
        if location.get("endpoint") == LOCAL_ENDPOINT:
            if self._local_folder is None:
                raise ArtifactError(f"artifact {name!r}: there is no local artifact folder here")
            return objects.local_folder(self._local_folder / _folder_name(location))
        from obstore.store import S3Store

        if not location.get("bucket"):
            raise ArtifactError(f"artifact {name!r}: s3.bucket is empty")
        settings: dict[str, Any] = {"bucket": location["bucket"]}
        if location.get("endpoint"):
            scheme = "http" if location.get("insecure") else "https"
            settings["endpoint"] = f"{scheme}://{location['endpoint']}"
            settings["region"] = location.get("region") or "us-east-1"
            settings["virtual_hosted_style_request"] = (
                location.get("addressingStyle") == "virtual-hosted"
            )
        elif location.get("region"):
            settings["region"] = location["region"]
        for field, setting in (
            ("accessKeySecret", "access_key_id"),
            ("secretKeySecret", "secret_access_key"),
            ("sessionTokenSecret", "session_token"),
        ):
            if location.get(field):
                settings[setting] = await self._secret(namespace, name, location[field])
        if location.get("insecure"):
            settings["client_options"] = {"allow_http": True}
        return ObjectStore(S3Store(**settings))

    async def _gcs(self, namespace: str, name: str, location: Artifact) -> ObjectStore:
        from obstore.store import GCSStore

        settings: dict[str, Any] = {"bucket": location.get("bucket")}
        if location.get("serviceAccountKeySecret"):
            settings["service_account_key"] = await self._secret(
                namespace, name, location["serviceAccountKeySecret"]
            )
        return ObjectStore(GCSStore(**settings))

    async def _azure(self, namespace: str, name: str, location: Artifact) -> ObjectStore:
        from obstore.store import AzureStore

        settings: dict[str, Any] = {"container_name": location.get("container")}
        if location.get("endpoint"):
            settings["endpoint"] = location["endpoint"]
        if location.get("accountKeySecret"):
            settings["account_key"] = await self._secret(
                namespace, name, location["accountKeySecret"]
            )
        return ObjectStore(AzureStore(**settings))

    async def _secret(self, namespace: str, name: str, selector: Artifact) -> str:
        try:
            secret = await self._cluster.get(resources.SECRETS, namespace, selector["name"])
            return base64.b64decode(secret["data"][selector["key"]]).decode()
        except NotFound as error:
            raise ArtifactError(
                f"artifact {name!r}: secret {selector['name']!r} not found in {namespace!r}"
            ) from error
        except KeyError as error:
            raise ArtifactError(
                f"artifact {name!r}: secret {selector.get('name')!r} has no key "
                f"{selector.get('key')!r}"
            ) from error


def _folder_name(location: Artifact) -> str:
    bucket = str(location.get("bucket") or "artifacts")
    if "/" in bucket or bucket in {".", ".."}:
        raise ArtifactError(f"bucket {bucket!r}: not a bucket name")
    return bucket
