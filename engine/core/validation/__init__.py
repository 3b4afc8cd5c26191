"""Checking a workflow before it runs: what can be known to be wrong from the spec alone."""

from __future__ import annotations

from engine.core.validation.workflow import check

__all__ = ["check"]
