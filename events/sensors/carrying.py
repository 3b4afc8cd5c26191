"""One attempt of one firing: the template with its parameters, handed to the trigger of its kind.

Whatever goes wrong is a TriggerFailed that says whether trying again can help; a defect of one
trigger never stops the others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from crds import decode
from crds.errors import CrdError
from crds.sensor import TriggerTemplate
from events import cloudevent
from events.cloudevent import CloudEvent
from events.ledger.records import Firing
from events.secrets import MissingValue
from events.sensors import parameters
from events.sensors.parameters import ParameterError
from events.triggers import limits, registry
from events.triggers.contract import FiringContext, TriggerFailed, TriggerServices
from kube import crashpoints, spans
from kube.errors import BadRequest, Forbidden, Invalid, KubeError, NotFound
from lang.errors import LangError

_PERMANENT = (BadRequest, Invalid)
_log = structlog.get_logger("events.firings")


async def attempt(
    services: TriggerServices, firing: Firing, spec: Mapping[str, Any]
) -> str | TriggerFailed:
    """The effect of the trigger written in `spec`, or the failure."""
    limit = 0.0
    try:
        limit = limits.attempt_seconds(spec)
        async with asyncio.timeout(limit):
            return await carry_out(services, firing, spec)
    except TimeoutError:
        return TriggerFailed(f"no result within {limit:.0f} s")
    except TriggerFailed as failure:
        return failure
    except (ParameterError, LangError, CrdError) as error:
        return TriggerFailed(str(error), permanent=True)
    except MissingValue as error:
        return TriggerFailed(str(error))
    except KubeError as error:
        return TriggerFailed(f"{error.reason}: {error.message}", permanent=_is_permanent(error))
    except Exception as error:
        _log.exception("trigger_failed", trigger=firing.trigger)
        return TriggerFailed(f"internal error ({type(error).__name__})", permanent=True)


async def carry_out(services: TriggerServices, firing: Firing, spec: Mapping[str, Any]) -> str:
    """One attempt of the trigger written in `spec`."""
    events = {name: cloudevent.decode(bytes(a.event)) for name, a in firing.events.items()}
    template, kind = applied_template(spec, events)
    attributes: spans.Attributes = {
        "firing.key": firing.key,
        "trigger.kind": kind,
        "attempt": firing.attempts + 1,
    }
    name = f"trigger {firing.namespace}/{firing.sensor}/{firing.trigger}"
    with spans.span(name, trace_of(firing), attributes) as parent:
        context = FiringContext(
            firing.key,
            firing.namespace,
            firing.sensor,
            firing.trigger,
            events,
            parent,
            spec.get("policy") or {},
            services,
        )
        crashpoints.reached("trigger.before")
        effect = await registry.TRIGGERS[kind].fire(context, template[kind])
        crashpoints.reached("trigger.after")
        return effect


def trace_of(firing: Firing) -> str:
    """The traceparent of the first of the firing's events that has one."""
    return next((a.traceparent for a in firing.events.values() if a.traceparent), "")


def applied_template(
    spec: Mapping[str, Any], events: Mapping[str, CloudEvent], *, served_only: bool = True
) -> tuple[Mapping[str, Any], str]:
    """The trigger's template with its own parameters put in, and its kind.

    Raises ParameterError, CrdError (a value does not fit its field).
    """
    template: Mapping[str, Any] = spec["template"]
    if spec.get("parameters"):
        template = parameters.apply_object(template, spec["parameters"], events)
        decode.decode(dict(template), TriggerTemplate)
    kind = next((k for k in registry.ORDER if template.get(k) is not None), "")
    if served_only and kind not in registry.TRIGGERS:
        raise ParameterError(f"template: no trigger of a served kind ({kind or 'none'})")
    return template, kind


def _is_permanent(error: KubeError) -> bool:
    if isinstance(error, Forbidden):
        return "exceeded quota" not in error.message
    return isinstance(error, _PERMANENT) or type(error) is NotFound
