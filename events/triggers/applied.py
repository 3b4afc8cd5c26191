"""A trigger's part of the template with its own `parameters` put in.

Parameters may change any field, so what came out is held against the types of its kind and
against the kind's own check once more: an event must not make a trigger do what its author could
not have written. Called by every kind whose parameters change the trigger itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from crds import decode
from crds.shape import Shape
from events.sensors import parameters
from events.triggers.contract import FiringContext, TriggerFailed


class Checked(Protocol):
    """The part of a `Trigger` that looks at what is written."""

    def check(self, spec: Mapping[str, Any]) -> str | None:
        """See `Trigger.check`."""
        ...


def settings(
    trigger: Checked, context: FiringContext, spec: Mapping[str, Any], kind: str, shape: type[Shape]
) -> dict[str, Any]:
    """`spec` as it counts for this firing. `kind` is the field that messages begin with.

    Raises ParameterError, and TriggerFailed (permanent) for a value its field does not take.
    """
    wanted = spec.get("parameters") or ()
    if not wanted:
        return dict(spec)
    found = parameters.apply_object(spec, wanted, context.events)
    wrong, _ = decode.inspect(found, shape)
    if wrong:
        raise TriggerFailed(f"{kind}.{wrong[0]}", permanent=True)
    if (fault := trigger.check(found)) is not None:
        raise TriggerFailed(f"{kind}.{fault}", permanent=True)
    return found
