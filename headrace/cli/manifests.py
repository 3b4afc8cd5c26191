"""Reading manifests from files, folders, addresses and standard input."""

from __future__ import annotations

import re
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from lang import yaml
from lang.errors import LangError

MOST = 64 * 1024 * 1024
_PREFIX = re.compile(r"yaml: (line \d+: )?")
SUFFIXES = {".yaml", ".yml", ".json"}


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object and where it was written."""

    body: dict[str, Any]
    where: str


def read(sources: tuple[str, ...]) -> list[Manifest]:
    """All objects of all sources, in order. Raises ClickException with file and line."""
    found = [m for source in sources for m in _source(source)]
    if not found:
        raise click.ClickException(f"no objects found in {', '.join(sources)}")
    return found


def _source(source: str) -> Iterator[Manifest]:
    if source == "-":
        yield from _documents(sys.stdin.buffer.read(MOST), "standard input")
    elif source.startswith(("http://", "https://")):
        with urllib.request.urlopen(source, timeout=30) as answer:  # noqa: S310 - scheme checked
            yield from _documents(answer.read(MOST), source)
    else:
        yield from _path(Path(source))


def _path(path: Path) -> Iterator[Manifest]:
    if path.is_dir():
        for child in sorted(p for p in path.iterdir() if p.suffix in SUFFIXES):
            if child.suffix != ".json" or _is_manifest(child):
                yield from _path(child)
        return
    try:
        content = path.read_bytes()
    except OSError as error:
        raise click.ClickException(f"cannot read {path}: {error.strerror}") from error
    yield from _documents(content, str(path))


def _is_manifest(path: Path) -> bool:
    """A JSON file of a folder counts when it is an object of some kind (not a payload)."""
    try:
        head = path.read_bytes()
        return b'"apiVersion"' in head and b'"kind"' in head
    except OSError:
        return False


def _documents(content: bytes, name: str) -> Iterator[Manifest]:
    for document in _parsed(content, name):
        body = document.value
        if body is None:
            continue
        at = document.position(())
        where = f"{name}:{at.line}" if at else name
        if not isinstance(body, dict):
            raise click.ClickException(f"{where}: not an object")
        items = body.get("items") if str(body.get("kind", "")).endswith("List") else None
        for item in items if isinstance(items, list) else [body]:
            for field in ("apiVersion", "kind"):
                if not isinstance(item.get(field), str):
                    raise click.ClickException(f"{where}: {field} is missing")
            yield Manifest(item, where)


def _parsed(content: bytes, name: str) -> list[yaml.Document]:
    text = ""
    try:
        text = yaml.decode(content)
        return yaml.load_all(text)
    except LangError as error:
        at = yaml.where(text, error) if text else None
        if at is None:
            raise click.ClickException(f"{name}: {error.message}") from error
        # The message's own line is counted as go-yaml counts, which is often one off.
        message = _PREFIX.sub("", error.message)
        raise click.ClickException(f"{name}:{at.line}:{at.column}: {message}") from error
