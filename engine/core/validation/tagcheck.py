"""Which tags a part of a spec uses, and whether they can ever be resolved.

Only tags that begin with a known prefix are looked at; expressions and the tags of other systems
pass. A member of a JSON parameter (`{{inputs.parameters.p.key}}`) passes: an extension.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from typing import Any

from engine.core.errors import SpecError
from lang import tags
from lang.errors import LangError

_CHECKED = ("item.", "steps.", "inputs.", "outputs.", "pod.", "workflow.", "tasks.")
_FREE = ("workflow.creationTimestamp", "workflow.scheduledTime", "steps.name", "tasks.name")
ANY_ITEM = "item.*"


def names(part: Any) -> list[str]:
    """The names of the tags that are checked, sorted. Raises SpecError for a tag without end."""
    try:
        found = tags.compile(part).names
    except LangError as error:
        raise SpecError(error.message) from None
    return sorted(name for name in found if name.startswith(_CHECKED))


def check(part: Any, known: Set[str] | Mapping[str, Any]) -> None:
    """Raise SpecError for the first tag of `part` that nothing resolves."""
    for name in names(part):
        if not resolves(name, known):
            raise SpecError(f"failed to resolve {{{{{name}}}}}")


def resolves(name: str, known: Iterable[str]) -> bool:
    """Whether a name is known, or is a member of something known."""
    pool = known if isinstance(known, Set | Mapping) else set(known)
    if name in pool or name.startswith(_FREE) or "{{" in name:
        return True
    if name.startswith("item.") and ANY_ITEM in pool:
        return True
    if name.startswith("outputs.") and name.endswith(".path"):
        return True
    parts = name.split(".")
    return any(
        ".".join(parts[:length]) in pool and parts[length - 2] == "parameters"
        for length in range(3, len(parts))
    )
