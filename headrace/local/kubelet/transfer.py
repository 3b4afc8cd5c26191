"""Moving artifacts: from and to presigned URLs, and folders of this machine that are allowed.

URLs carry a signature, so they are never part of a message. Every failure is an OSError.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import aiohttp

from headrace.local.kubelet.policy import Policy

PIECE = 1 << 20
TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=15.0, sock_read=120.0)


async def fetch(url: str, target: Path, policy: Policy) -> None:
    """Download into `target`. FileNotFoundError when there is nothing."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        await asyncio.to_thread(_copy, _allowed(unquote(parts.path), policy), target)
        return
    _check(parts.scheme)
    try:
        async with aiohttp.ClientSession(timeout=TIMEOUT) as session, session.get(url) as answer:
            if answer.status == 404:
                raise FileNotFoundError("it does not exist (HTTP 404)")
            if answer.status >= 300:
                raise OSError(f"the store answered HTTP {answer.status}")
            size = 0
            with target.open("wb") as file:
                async for piece in answer.content.iter_chunked(PIECE):
                    size += len(piece)
                    if size > policy.most_download:
                        raise OSError(f"it is larger than {policy.most_download} bytes")
                    await asyncio.to_thread(file.write, piece)
    except (aiohttp.ClientError, TimeoutError) as error:
        raise OSError(f"download failed: {type(error).__name__}") from error


async def store(source: Path, url: str, policy: Policy) -> int:
    """Upload a file (or copy a folder); its bytes."""
    parts = urlsplit(url)
    size = await asyncio.to_thread(_size, source)
    if parts.scheme == "file":
        target = _allowed(unquote(parts.path), policy)
        await asyncio.to_thread(_publish, source, target)
        return size
    _check(parts.scheme)
    if await asyncio.to_thread(source.is_dir):
        raise OSError("a folder cannot be stored without an archive; use tar or zip")
    headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
    try:
        async with (
            aiohttp.ClientSession(timeout=TIMEOUT) as session,
            session.put(url, data=_pieces(source), headers=headers) as answer,
        ):
            if answer.status >= 300:
                raise OSError(f"the store answered HTTP {answer.status}")
    except (aiohttp.ClientError, TimeoutError) as error:
        raise OSError(f"upload failed: {type(error).__name__}") from error
    return size


async def _pieces(source: Path) -> AsyncIterator[bytes]:
    descriptor = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE):
            yield piece


def _check(scheme: str) -> None:
    if scheme not in {"http", "https"}:
        raise OSError(f"URLs of scheme {scheme!r} are not supported")


def _allowed(text: str, policy: Policy) -> Path:
    path = Path(os.path.realpath(text))
    for folder in policy.artifact_folders:
        root = Path(os.path.realpath(folder))
        if root in path.parents:
            return path
    raise PermissionError("it is not in the local artifact folder")


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True)
    elif source.is_file():
        shutil.copyfile(source, target)
    else:
        raise FileNotFoundError("it does not exist")


def _publish(source: Path, target: Path) -> None:
    """Make `target` a copy; a file appears whole."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    if source.is_dir():
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.copytree(source, temporary, symlinks=True)
        shutil.rmtree(target, ignore_errors=True)
    else:
        shutil.copyfile(source, temporary, follow_symlinks=False)
    temporary.rename(target)


def _size(source: Path) -> int:
    if source.is_dir():
        return sum(p.lstat().st_size for p in source.rglob("*") if p.is_file())
    return source.lstat().st_size
