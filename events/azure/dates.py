"""Dates in Azure's answers. Pure. Called by the Azure sources."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime


def rfc3339(text: str) -> str | None:
    """A date as HTTP writes it in RFC 3339, None when it is none."""
    try:
        return parsedate_to_datetime(text).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return None
