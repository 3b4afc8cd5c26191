"""Compressed node tables."""

from __future__ import annotations

import base64
import gzip

import pytest

from crds import hydration

NODES = {"wf": {"id": "wf", "phase": "Running"}}


def test_a_table_survives_compression() -> None:
    packed = {"status": {"compressedNodes": hydration.compress(NODES)}}
    assert hydration.nodes_of(packed) == NODES


def test_hydrated_leaves_the_given_object_as_it_is() -> None:
    packed = {"status": {"phase": "Running", "compressedNodes": hydration.compress(NODES)}}
    plain = hydration.hydrated(packed)
    assert plain == {"status": {"phase": "Running", "nodes": NODES}}
    assert "compressedNodes" in packed["status"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("!!!", id="not base64"),
        pytest.param(base64.b64encode(b"plain").decode(), id="not gzip"),
        pytest.param(base64.b64encode(gzip.compress(b"nope")).decode(), id="not JSON"),
        pytest.param(base64.b64encode(gzip.compress(b"[1]")).decode(), id="not a table"),
    ],
)
def test_nonsense_is_a_hydration_error(text: str) -> None:
    with pytest.raises(hydration.HydrationError):
        hydration.nodes_of({"status": {"compressedNodes": text}})
