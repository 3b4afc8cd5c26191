"""Where spans are exported, and where the environment says that they are not."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from kube import spans

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    ("environment", "warning"),
    [
        ({}, ""),
        ({"OTEL_SDK_DISABLED": "true"}, ""),
        ({"OTEL_TRACES_EXPORTER": "none"}, ""),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "protocol grpc is not served"),
        (
            {
                "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json",
            },
            "protocol http/json is not served",
        ),
    ],
)
def test_nothing_is_exported_where_it_is_not_wanted_or_not_served(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], warning: str
) -> None:
    if environment:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with capture_logs() as logged:
        assert spans.configure() is None
    assert not spans.exporting()
    assert [warning in entry["why"] for entry in logged] == [True] * bool(warning)
    with spans.span("event a/b", PARENT, {}) as traceparent:
        assert traceparent == PARENT
