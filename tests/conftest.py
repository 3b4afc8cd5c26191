"""What holds for every test."""

from __future__ import annotations

import asyncio

# Otherwise the first look for a loop makes one that nobody closes, and a later test is blamed.
asyncio.get_event_loop_policy().set_event_loop(None)
