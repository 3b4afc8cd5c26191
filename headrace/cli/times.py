"""Times as Kubernetes writes them, and as people read them."""

from __future__ import annotations

from datetime import datetime


def parse(text: str | None) -> float | None:
    """RFC 3339 to seconds since the epoch; None for an empty or unreadable text."""
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return None


def short(seconds: float) -> str:
    """The largest unit only, as in kubectl's AGE column: `7s`, `3m`, `5h`, `2d`."""
    whole = max(0, int(seconds))
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if whole >= size:
            return f"{whole // size}{unit}"
    return f"{whole}s"


def long(seconds: float) -> str:
    """In words, two units: `3 minutes 5 seconds`."""
    whole = max(0, int(seconds))
    parts: list[str] = []
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        count, whole = divmod(whole, size)
        if count or (unit == "second" and not parts):
            parts.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return " ".join(parts[:2])


def local(text: str | None, now: float) -> str:
    """A moment as `Mon Nov 23 10:02:11 +0100 (3 minutes ago)`; empty for none."""
    moment = parse(text)
    if moment is None:
        return ""
    shown = datetime.fromtimestamp(moment).astimezone().strftime("%a %b %d %H:%M:%S %z")
    return f"{shown} ({'now' if now - moment < 1 else long(now - moment) + ' ago'})"
