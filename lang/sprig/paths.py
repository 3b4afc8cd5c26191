"""File paths. Source: sprig `functions.go`, Go `path`."""

from __future__ import annotations

import posixpath

from lang.sprig.registry import Table, takes


def base(path: str) -> str:
    """The last element; "." of nothing."""
    if not path:
        return "."
    return posixpath.basename(path.rstrip("/")) or "/"


def clean(path: str) -> str:
    """The shortest equal path."""
    found = posixpath.normpath(path) if path else "."
    return found[1:] if found.startswith("//") else found


def directory(path: str) -> str:
    """All but the last element, cleaned."""
    return clean(path[: path.rfind("/") + 1])


def extension(path: str) -> str:
    """From the last dot of the last element on."""
    name = path[path.rfind("/") + 1 :]
    at = name.rfind(".")
    return name[at:] if at >= 0 else ""


_FILES: Table = {
    "base": takes("s", base),
    "dir": takes("s", directory),
    "clean": takes("s", clean),
    "ext": takes("s", extension),
    "isAbs": takes("s", lambda path: path.startswith("/")),
}
TABLE: Table = {
    **_FILES,
    **{"os" + name[0].upper() + name[1:]: function for name, function in _FILES.items()},
}
