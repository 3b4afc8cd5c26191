"""Reading what is to be linted: files, folders (their YAML and JSON files), standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from headrace.insight.lint.model import UNREADABLE, Finding, Severity
from lang import yaml
from lang.errors import LangError

SUFFIXES = (".yaml", ".yml", ".json")
MOST = 64 * 1024 * 1024
STDIN = "standard input"


class Unreadable(ValueError):
    """A file cannot be read; the text says why."""


@dataclass(slots=True)
class Texts:
    """The texts by file name, in order; `broken`: files that hold no text, as findings."""

    by_file: dict[str, str] = field(default_factory=dict)
    broken: list[Finding] = field(default_factory=list)

    def add(self, file: str, content: bytes) -> None:
        """Take a file in."""
        try:
            self.by_file[file] = yaml.decode(content)
        except LangError as error:
            line = content.count(b"\n", 0, error.position or 0) + 1
            found = Finding(file, line, 1, UNREADABLE, Severity.ERROR, error.message)
            self.broken.append(found)


def read(sources: tuple[str, ...]) -> Texts:
    """Everything that the sources name. Raises Unreadable."""
    texts = Texts()
    for source in sources:
        if source == "-":
            texts.add(STDIN, sys.stdin.buffer.read(MOST))
            continue
        for path in _files(Path(source)):
            texts.add(str(path), _content(path))
    return texts


def _files(path: Path) -> Iterator[Path]:
    if not path.is_dir():
        yield path
        return
    for child in sorted(path.rglob("*")):
        hidden = any(part.startswith(".") for part in child.relative_to(path).parts)
        if child.suffix in SUFFIXES and child.is_file() and not hidden and _is_manifest(child):
            yield child


def _is_manifest(path: Path) -> bool:
    """A JSON file of a folder counts when it is an object of some kind, not a payload."""
    if path.suffix != ".json":
        return True
    head = _content(path)
    return b'"apiVersion"' in head and b'"kind"' in head


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MOST + 1)
    except OSError as error:
        raise Unreadable(f"cannot read {path}: {error.strerror}") from error
    if len(content) > MOST:
        raise Unreadable(f"{path}: larger than {MOST >> 20} MiB")
    return content
