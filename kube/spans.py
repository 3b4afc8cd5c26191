"""Spans of one trace, from the webhook to the pods, exported over OTLP. Needs the extra `otel`.

Nothing is exported unless OTEL_EXPORTER_OTLP_ENDPOINT (or …_TRACES_ENDPOINT) is set; then the
OpenTelemetry SDK does it, in a thread of its own, and every OTEL_ variable means what it means
there. Traces travel as W3C traceparents, so that all works alike without an exporter: callers
hand on what they are given. Called by the events and the engine.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span, Tracer

Attributes = Mapping[str, str | int]
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SERVED = "http/protobuf"
_FLUSH_SECONDS = 3.0
_log = structlog.get_logger("kube.spans")
_tracer: Tracer | None = None  # set once, at the start of the process


def exporting() -> bool:
    """Whether spans are made at all."""
    return _tracer is not None


def configure() -> Callable[[], None] | None:
    """Export from now on, if the environment says where to; what ends it (blocks a while)."""
    if not _wanted():
        return None
    protocol = next(filter(None, map(os.environ.get, _PROTOCOLS)), _SERVED)
    if protocol != _SERVED:
        _log.warning("no_spans", why=f"the OTLP protocol {protocol} is not served: {_SERVED} is")
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        _log.warning("no_spans", why="the exporter is missing: pip install 'headrace[otel]'")
        return None
    global _tracer
    name = os.environ.get("OTEL_SERVICE_NAME") or "headrace"
    provider = TracerProvider(
        resource=Resource.create({"service.name": name}), shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _tracer = provider.get_tracer("headrace")
    return lambda: _end(provider)


def _wanted() -> bool:
    """Whether the environment names an endpoint, and does not switch traces off."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if os.environ.get("OTEL_TRACES_EXPORTER", "").lower() == "none":
        return False
    return any(os.environ.get(name) for name in _ENDPOINTS)


def _end(provider: TracerProvider) -> None:
    """Send what is left, for a short while at most."""
    global _tracer
    _tracer = None
    last = threading.Thread(target=provider.shutdown, daemon=True)
    last.start()
    last.join(_FLUSH_SECONDS)


@contextmanager
def span(name: str, traceparent: str, attributes: Attributes) -> Iterator[str]:
    """A span around the block; its traceparent, or `traceparent` itself when none is exported.

    An empty `traceparent` begins a trace. An exception marks the span as failed.
    """
    if _tracer is None:
        yield traceparent
        return
    begun = _begin(_tracer, name, traceparent, attributes)
    try:
        yield _parent(begun)
    except BaseException as error:
        if not isinstance(error, asyncio.CancelledError):
            _failed(begun, str(error) or type(error).__name__)
        raise
    finally:
        begun.end()


def record(
    name: str, traceparent: str, times: tuple[float, float], attributes: Attributes, fault: str = ""
) -> str:
    """A span of the past: `times` are its start and end in epoch seconds. Its traceparent."""
    if _tracer is None:
        return traceparent
    start, end = (int(moment * 1e9) for moment in times)
    begun = _begin(_tracer, name, traceparent, attributes, start)
    if fault:
        _failed(begun, fault)
    begun.end(end)
    return _parent(begun)


def _begin(
    tracer: Tracer, name: str, traceparent: str, attributes: Attributes, start: int | None = None
) -> Span:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context = TraceContextTextMapPropagator().extract({"traceparent": traceparent})
    return tracer.start_span(name, context, attributes=dict(attributes), start_time=start)


def _failed(begun: Span, why: str) -> None:
    from opentelemetry.trace import Status, StatusCode

    begun.set_status(Status(StatusCode.ERROR, why[:500]))


def _parent(begun: Span) -> str:
    """The traceparent that makes others children of the span."""
    found = begun.get_span_context()
    return f"00-{found.trace_id:032x}-{found.span_id:016x}-{int(found.trace_flags):02x}"
