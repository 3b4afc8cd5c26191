"""Every rule, in the order in which docs and reports list them."""

from __future__ import annotations

from headrace.insight.lint.rule import Rule
from headrace.insight.lint.rules import (
    data_key,
    deadline,
    event_injection,
    fan_out,
    hidden_failure,
    image_tag,
    inline_artifact,
    limits,
    parallel_steps,
    pod_gc,
    retry,
    script_injection,
    secrets,
    sensor_dependency,
    sensor_dest,
    ttl,
    unreachable,
)

RULES: tuple[Rule, ...] = (
    event_injection.RULE,
    script_injection.RULE,
    secrets.RULE,
    image_tag.RULE,
    limits.RULE,
    deadline.RULE,
    retry.RULE,
    fan_out.RULE,
    parallel_steps.RULE,
    hidden_failure.RULE,
    unreachable.RULE,
    inline_artifact.RULE,
    pod_gc.RULE,
    ttl.RULE,
    sensor_dest.RULE,
    sensor_dependency.RULE,
    data_key.RULE,
)
