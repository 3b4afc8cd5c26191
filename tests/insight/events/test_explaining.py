"""What filters saw, which triggers fire with what, and what was recorded."""

from __future__ import annotations

import msgspec

from events.ledger.records import Outcome, State
from headrace.insight.events import explaining, filters
from headrace.insight.events.filters import Look
from headrace.insight.events.simulating import Simulation
from tests.insight.events.sensors import compiled, logs, makes, on, stored

DAY = 1_767_225_600.0  # 2026-01-01T00:00:00Z


def looked(data: object, **written: object) -> list[Look]:
    sensor = compiled([on("push", **written)], [logs("t")])
    found = stored(data)
    assert found.event is not None
    return list(filters.looks(sensor.dependencies["push"], found.event))


def test_every_entry_is_looked_at_also_behind_one_that_failed() -> None:
    data = [
        {"path": "a", "type": "string", "value": ["x"]},
        {"path": "n", "type": "number", "comparator": ">", "value": ["3", "4"]},
        {"path": "none", "type": "string", "value": ["x"]},
    ]
    assert looked({"a": "y", "n": 5}, filters={"data": data}) == [
        Look("data", 'a = ["x"]', "y", False),
        Look("data", 'n > ["3", "4"]', "5", True),
        Look(
            "data",
            'none = ["x"]',
            "(nothing): data filter error (path 'none' does not exist)",
            False,
        ),
    ]


def test_a_jsonpath_and_a_template_show_the_value_that_is_compared() -> None:
    data = [
        {"path": "$.items[0].name", "type": "string", "value": ["b"]},
        {"path": "a", "type": "string", "template": "{{ upper .Input }}", "value": ["Y"]},
    ]
    path, template = looked({"a": "y", "items": [{"name": "b"}]}, filters={"data": data})
    assert (path.saw, path.passed) == ("b", True)
    assert (template.wants, template.saw) == ('a ({{ upper .Input }}) = ["Y"]', "y, made Y")
    assert template.passed


def test_an_expression_that_fails_shows_its_values_beside_the_error() -> None:
    fields = [{"name": "a", "path": "a"}, {"name": "b", "path": "none"}]
    [look] = looked({"a": "y"}, filters={"exprs": [{"expr": "a == b", "fields": fields}]})
    assert look.saw.startswith("a=y, b=(nothing): expr filter error")
    assert not look.passed


def test_context_time_and_script_show_what_they_are_about() -> None:
    written = {
        "context": {"type": "github"},
        "time": {"start": "01:00:00", "stop": "02:00:00", "timezone": "Europe/Berlin"},
        "script": "return event.a == 'y'",
    }
    context, time, script = looked({"a": "y"}, filters=written)
    assert context == Look("context", "type=github", "type=webhook", False)
    assert time.wants == "from 01:00:00 to 02:00:00 Europe/Berlin"
    assert (time.saw, time.passed) == ("2026-01-01T00:00:00Z", True)
    assert script == Look("script", "the script to return true", '{"a": "y"}', True)


def test_a_transform_shows_what_it_made_and_filters_see_that() -> None:
    data = [{"path": "b", "type": "string", "value": ["y"]}]
    transform, look = looked({"a": "y"}, transform={"jq": "{b: .a}"}, filters={"data": data})
    assert transform == Look("transform", "the jq to give an object", '{"b":"y"}', True)
    assert (look.saw, look.passed) == ("y", True)
    [fault] = looked({"a": "y"}, transform={"jq": ".a.b.c"}, filters={"data": data})
    assert not fault.passed


def test_operators_that_join_by_or_are_named() -> None:
    written = {"filters": {"dataLogicalOperator": "or", "data": [], "exprs": []}}
    sensor = compiled([on("push", filtersLogicalOperator="or", **written)], [logs("t")])
    dependency = sensor.dependencies["push"]
    assert filters.joined(dependency) == ["dataLogicalOperator", "filtersLogicalOperator"]


def test_a_recorded_join_is_shown_with_the_events_it_fired_with() -> None:
    sensor = compiled(
        [on("push"), on("go")],
        [makes("t", "a", conditions="push && go"), makes("other", "a", conditions="push && go")],
    )
    unit = Outcome(State.FIRED, "argo", "s", "push", 0.0, "t", "k1", "ConfigMap/argo/x")
    units = tuple(msgspec.structs.replace(unit, dependency=d, sensor_uid="u") for d in ("push",))
    push, go = stored({"a": "7"}), stored({}, "go", "e2")
    push = type(push)(1, DAY, push.id, push.source, push.name, push.event, units, "")
    assert explaining.joint_units(push, [sensor]) == list(units)
    told = explaining.explain(sensor, push, {"k1": {"push": push, "go": go}})
    fired, waits = told.triggers
    assert (fired.firing, fired.together) == ("k1", {"push": "e1", "go": "e2"})
    assert fired.fires is not None
    assert [p.value for p in fired.fires.parameters] == ["7"]
    assert (waits.fires, waits.missing) == (None, ("go",))


def test_earlier_events_complete_a_join() -> None:
    sensor = compiled([on("push"), on("go")], [makes("t", "a", conditions="push && go")])
    told = explaining.explain(sensor, stored({}, "go", "e2"), earlier=[stored({"a": "7"})])
    assert told.triggers[0].fires is not None
    assert told.triggers[0].fires.ids == ("e1", "e2")


def test_each_dependency_of_an_or_fires_by_itself() -> None:
    sensor = compiled([on("push", "one"), on("push", "two")], [logs("t", conditions="one || two")])
    told = explaining.explain(sensor, stored({}))
    assert [list(each.fires.events) for each in told.triggers if each.fires] == [["one"], ["two"]]


def test_what_was_recorded_for_a_sensor_that_is_gone_is_told() -> None:
    unit = Outcome(State.FIRED, "argo", "old", "push", 0.0, "t", sensor_uid="gone")
    found = stored({})
    found = type(found)(1, DAY, "e1", "hooks", "push", found.event, (unit,), "")
    here = compiled([on("go")], [logs("t")])
    assert not explaining.explain(here, found).taken
    [told] = explaining.of_deleted(found, [here])
    assert (told.sensor, told.recorded) == ("old", (unit,))
    assert explaining.of_deleted(found, [here], "another") == []


def test_a_reset_drops_what_came_before_its_very_second() -> None:
    resets = [{"byTime": {"cron": "0 0 * * *"}}]
    both = logs("t", conditions="push && go", conditionsReset=resets)
    sensor = compiled([on("push"), on("go")], [both])
    for later, fires in ((-0.5, True), (0.25, False), (60.0, False)):
        simulation = Simulation(sensor)
        assert simulation.take(stored({}, "push", "e1", DAY - 1.0)) == []
        assert bool(simulation.take(stored({}, "go", "e2", DAY + later))) is fires
