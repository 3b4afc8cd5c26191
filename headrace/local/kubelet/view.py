"""Seeing a container's files from outside, as the container saw them.

A path is walked component by component through the container's mounts. A symlink is followed in
the container's terms (an absolute one starts at its root, `..` stops there), so no link that a
container made leads out of what it could see.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from headrace.local.kubelet.privateroot import OWN, Bind

LINKS = 40


class View:
    """The file tree of one container run.

    `root` is the folder behind its /, None where that is the machine's own. Of what the machine
    has, the container sees what is in no `private` folder, or nothing if not `shows_host`.
    """

    def __init__(
        self,
        binds: Iterable[Bind],
        root: str | None = None,
        private: Iterable[str] = (),
        *,
        shows_host: bool = True,
    ) -> None:
        self._root = root
        self._private = set(private)
        self._binds = {b.target.rstrip("/"): b.source for b in binds}
        self._shows_host = shows_host

    def locate(self, path: str) -> Path | None:
        """The host's path of an existing file or folder, without any symlink; else None."""
        todo = [part for part in reversed(path.split("/")) if part not in ("", ".")]
        seen: list[str] = []
        links = 0
        while todo:
            part = todo.pop()
            if part == "..":
                seen = seen[:-1]
                continue
            here = self._backing([*seen, part])
            try:
                target = os.readlink(here)
            except FileNotFoundError:
                return None
            except OSError:
                seen.append(part)
                continue
            links += 1
            if links > LINKS:
                return None
            if target.startswith("/"):
                seen = []
            todo += [p for p in reversed(target.split("/")) if p not in ("", ".")]
        found = Path(self._backing(seen))
        return found if found.exists() else None

    def _backing(self, parts: list[str]) -> str:
        """The host's path for a container path whose parents are no symlinks."""
        path = "/" + "/".join(parts)
        for count in range(len(parts), 0, -1):
            prefix = "/" + "/".join(parts[:count])
            source = self._binds.get(prefix)
            if source is not None:
                return os.path.join(source, *parts[count:])
        if self._root is None:
            return path
        if not self._shows_host:
            return self._root + path
        for count in range(len(parts), 0, -1):
            prefix = "/" + "/".join(parts[:count])
            if prefix in OWN or prefix in self._private:
                return self._own_or_host(parts, count)
        return self._own_or_host(parts, 0)

    def _own_or_host(self, parts: list[str], count: int) -> str:
        """Below the private folder `parts[:count]`: what the host has there was bound."""
        path = "/" + "/".join(parts)
        own = f"{self._root}{path}"
        inside_own = count > 0 and "/" + parts[0] in OWN
        if inside_own or len(parts) == count:
            return own
        entry = "/" + "/".join(parts[: count + 1])
        if os.path.islink(f"{self._root}{entry}"):
            return own
        return path if os.path.lexists(entry) else own
