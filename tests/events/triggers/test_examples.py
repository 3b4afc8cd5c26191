"""Every trigger's example is a Sensor without a fault, and every trigger has a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from crds.validation.sensor import validate_sensor
from events.sensors.compiled import compile_sensor
from lang import yaml

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples/triggers").glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_an_example_is_without_fault(path: Path) -> None:
    sensors = [d.value for d in yaml.load_all(path.read_text()) if d.value["kind"] == "Sensor"]
    assert sensors
    for sensor in sensors:
        assert validate_sensor(sensor) == []
        compiled = compile_sensor(sensor)
        assert compiled.problems == compiled.dependency_problems == ()
        assert path.stem in {t.kind for t in compiled.triggers.values()}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_an_example_has_a_page(path: Path) -> None:
    page = (ROOT / f"docs/triggers/{path.stem}.md").read_text()
    assert page.startswith(f"# {path.stem}\n")
    assert f"examples/triggers/{path.name}" in page
