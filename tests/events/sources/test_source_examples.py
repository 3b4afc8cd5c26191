"""The examples of the sources are what they say: known fields, kinds that are served."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from crds import decode
from crds.eventsource import EventSource
from events.sources import registry

ROOT = Path(__file__).parent.parent.parent.parent
NAMES = sorted(registry.SOURCES)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_has_no_unknown_field(name: str) -> None:
    [source, *secrets] = yaml.safe_load_all((ROOT / f"examples/sources/{name}.yaml").read_text())
    _, unknown = decode.decode(source, EventSource)
    assert unknown == []
    assert set(source["spec"]) == {name} <= set(registry.SOURCES)
    assert all(secret["kind"] == "Secret" for secret in secrets)
    assert (ROOT / f"docs/sources/{name}.md").exists()
