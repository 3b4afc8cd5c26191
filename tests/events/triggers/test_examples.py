"""Every trigger's example is a Sensor without a fault, and every trigger has a page. A wrong type
in any field of it is a problem with a path, never an error."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


WRONG: tuple[Any, ...] = ("abc", 5, -1, 3.5, True, None, ["x"], [None], [[]], {"a": "b"})


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every field and item below `value`."""
    steps = value.items() if isinstance(value, dict) else enumerate(value)
    for step, below in steps:
        yield (*path, step)
        if isinstance(below, dict | list):
            yield from places(below, (*path, step))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_no_wrong_type_anywhere_is_more_than_a_problem(path: Path) -> None:
    [sensor] = [d.value for d in yaml.load_all(path.read_text()) if d.value["kind"] == "Sensor"]
    for place in places(sensor["spec"]):
        for wrong in WRONG:
            changed = copy.deepcopy(sensor)
            holder = changed["spec"]
            for step in place[:-1]:
                holder = holder[step]
            holder[place[-1]] = wrong
            compiled = compile_sensor(changed)  # and the others of its controller do not notice
            found = (*compiled.problems, *compiled.dependency_problems)
            assert all(problem.startswith("spec.") for problem in found)
