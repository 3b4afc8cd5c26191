"""Artifacts of inputs and outputs: paths and locations."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import Any

_LEAVES = (re.compile(r"/..$"), re.compile(r"/../"))
"""Argo's patterns, whose dots are not escaped: `/a//bc` is refused too."""


def path_fault(artifact: dict[str, Any]) -> str:
    """What is wrong with the path of an artifact in a container; empty when nothing is."""
    name, path = artifact.get("name", ""), artifact.get("path", "")
    if not path:
        return f"Artifact '{name}' did not specify a path"
    cleaned = posixpath.normpath(path)
    for pattern in _LEAVES:
        match = pattern.search(path)
        safe = path[: match.start()] if match else ""
        if safe and not (cleaned.startswith(safe + "/") and len(cleaned) > len(safe) + 1):
            return (
                f"Artifact '{name}' attempted to use a path containing '..'. "
                "Directory traversal is not permitted"
            )
    return ""


def location_faults(name: str, location: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a location; `name` is what it is called in messages."""
    if "git" in location and not location["git"].get("repo"):
        yield f"{name}.git.repo is required"
    if "hdfs" in location:
        yield from _hdfs_faults(f"{name}.hdfs", location["hdfs"])


def _hdfs_faults(name: str, hdfs: dict[str, Any]) -> Iterator[str]:
    path = hdfs.get("path", "")
    cache, keytab = "krbCCacheSecret" in hdfs, "krbKeytabSecret" in hdfs
    if not path:
        yield f"{name}.path is required"
    elif not path.startswith("/"):
        yield f"{name}.path must be a absolute file path"
    if not hdfs.get("hdfsUser") and not cache and not keytab:
        ways = f"{name}.hdfsUser, {name}.krbCCacheSecret or {name}.krbKeytabSecret"
        yield f"either {ways} is required"
    principal = hdfs.get("krbServicePrincipalName") and "krbConfigConfigMap" in hdfs
    if keytab and not (principal and hdfs.get("krbUsername") and hdfs.get("krbRealm")):
        yield (
            f"{name}.krbServicePrincipalName, {name}.krbConfigConfigMap, {name}.krbUsername and "
            f"{name}.krbRealm are required with {name}.krbKeytabSecret"
        )
    if cache and not principal:
        yield (
            f"{name}.krbServicePrincipalName and {name}.krbConfigConfigMap are required with "
            f"{name}.krbCCacheSecret"
        )
