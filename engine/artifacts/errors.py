"""The error root of this house's storage side."""

from __future__ import annotations


class ArtifactError(Exception):
    """An artifact cannot be located, read or written; the text names it and says why."""


class ArtifactNotFound(ArtifactError):
    """There is nothing at the key. An optional artifact is then skipped."""
