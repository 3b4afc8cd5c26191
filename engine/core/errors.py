"""The core's error root: what a user's workflow did wrong, as text for a node or the workflow."""

from __future__ import annotations


class CoreError(Exception):
    """A mistake in a workflow. The message is what users read in the status."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class SpecError(CoreError):
    """The workflow as a whole cannot run; its phase becomes Failed (`invalid spec: …`)."""


class ReferenceMissing(CoreError):
    """A value refers to something that does not exist and never will."""


class TooDeep(CoreError):
    """Templates call each other without end: the node is Error, and its caller sees just that."""
