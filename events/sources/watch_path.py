"""Which paths a `watchPathConfig` means. Called by the sources that watch directories."""

from __future__ import annotations

from collections.abc import Callable

from crds.eventsource_local import WatchPathConfig
from events.sources.contract import SourceError
from lang import regex
from lang.errors import LangError


def matcher(path: str, where: WatchPathConfig) -> Callable[[str], bool]:
    """Whether a path relative to the directory is meant. Raises SourceError."""
    if bool(where.path) == bool(where.path_regexp):
        raise SourceError(path, "exactly one of path and pathRegexp is required")
    if where.path.startswith("/"):
        raise SourceError(f"{path}.path", "must be relative to the directory")
    if where.path:
        return where.path.__eq__
    try:
        return regex.compile(where.path_regexp).search
    except LangError as error:
        raise SourceError(f"{path}.pathRegexp", error.message) from None
