"""Every rule, in the order in which docs and reports list them."""

from __future__ import annotations

from headrace.insight.lint.rule import Rule
from headrace.insight.lint.rules import (
    cleanup,
    data_key,
    deadline,
    fan_out,
    hidden_failure,
    image_tag,
    injection,
    inline_artifact,
    limits,
    parallel_steps,
    retry,
    secrets,
    sensor_dependency,
    sensor_dest,
    unreachable,
)

RULES: tuple[Rule, ...] = (
    injection.EVENT_RULE,
    injection.RULE,
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
    cleanup.POD_RULE,
    cleanup.TTL_RULE,
    sensor_dest.RULE,
    sensor_dependency.RULE,
    data_key.RULE,
)
