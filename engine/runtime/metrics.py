"""Metrics that workflows define themselves, exported as `argo_workflows_<name>`.

Source: Argo Workflows `workflow/metrics`: one name has one help, one type, one set of labels for
the life of the process; a sample that does not fit is refused and changes nothing.
"""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from engine.core.decisions import EmitMetric

REGISTRY = CollectorRegistry()
"""Served beside the process's own metrics."""

Metric = Counter | Gauge | Histogram
_live: set[tuple[str, tuple[tuple[str, str], ...]]] = set()
_known: dict[str, tuple[tuple[str, str, tuple[str, ...]], Metric]] = {}


class MetricRefused(ValueError):
    """The sample contradicts an earlier one of the same name."""


def emit(sample: EmitMetric) -> None:
    """Record one sample. Raises MetricRefused."""
    names = tuple(key for key, _ in sample.labels)
    shape = (sample.kind, sample.help, names)
    known = _known.get(sample.name)
    if known is None:
        known = _known[sample.name] = (shape, _made(sample, names))
    elif known[0] != shape:
        raise MetricRefused(f"metric {sample.name}: another type, help or labels before")
    metric = known[1].labels(*(value for _, value in sample.labels)) if names else known[1]
    match metric:
        case Counter():
            metric.inc(sample.value)
        case Gauge() if sample.operation == "Add":
            metric.inc(sample.value)
        case Gauge() if sample.operation == "Sub":
            metric.dec(sample.value)
        case Gauge():
            _set(metric, sample)
        case Histogram():
            metric.observe(sample.value)


def _set(gauge: Gauge, sample: EmitMetric) -> None:
    """Give a gauge its value: a fixed one, or (real-time) the seconds since a moment."""
    shown = (sample.name, sample.labels)
    since, value = sample.since, sample.value
    if since is not None:
        _live.add(shown)
        gauge.set_function(lambda: time.time() - since)
    elif shown in _live:
        # A gauge that has had a function keeps one.
        gauge.set_function(lambda: value)
    else:
        gauge.set(value)


def _made(sample: EmitMetric, names: tuple[str, ...]) -> Metric:
    name = f"argo_workflows_{sample.name}"
    if sample.kind == "counter":
        return Counter(name, sample.help, names, registry=REGISTRY)
    if sample.kind == "gauge":
        return Gauge(name, sample.help, names, registry=REGISTRY)
    return Histogram(name, sample.help, names, registry=REGISTRY, buckets=sample.buckets)
