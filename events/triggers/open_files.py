"""Which files of this machine Sensors may read trigger objects from: the operator's word."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class OpenFiles:
    """Files below `folders`, but for those below `closed`; both absolute. By default none."""

    folders: tuple[Path, ...] = ()
    closed: tuple[Path, ...] = ()

    def holds(self, path: Path) -> bool:
        """Whether `path`, which has no link and no `..` in it, may be read."""
        below = path.is_relative_to
        closed = any(below(folder.resolve()) for folder in self.closed)
        return not closed and any(below(folder.resolve()) for folder in self.folders)
