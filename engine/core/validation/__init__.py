"""Checking a workflow before it runs: what can be known to be wrong from the spec alone.

The first mistake is reported, in the words of the reference (`ValidateWorkflow`).
"""

from __future__ import annotations

from engine.core.validation.workflow import check

__all__ = ["check"]
