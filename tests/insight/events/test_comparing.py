"""Replay: what fires now, what no longer does, and what is different, told apart."""

from __future__ import annotations

from events.sensors.compiled import Sensor
from headrace.insight.events import comparing, simulating
from headrace.insight.events.comparing import Change, Comparison
from headrace.insight.events.simulating import Simulation
from tests.insight.events.sensors import compiled, logs, makes, on, stored

EVENTS = [stored({"a": "1", "b": "x"}, identity="e1"), stored({"a": "2", "b": "y"}, identity="e2")]


def compared(before: Sensor, after: Sensor) -> Comparison:
    return comparing.compare(
        simulating.simulate(before, EVENTS), simulating.simulate(after, EVENTS)
    )


def changes(found: Comparison) -> list[tuple[str, str, Change]]:
    return [(d.trigger, d.ids[0], d.change) for d in found.differences()]


def test_one_event_at_two_dependencies_of_a_trigger_is_the_same_twice() -> None:
    sensor = compiled([on("push", "one"), on("push", "two")], [logs("t", conditions="one || two")])
    found = compared(sensor, sensor)
    assert (found.differences(), found.same) == ([], 4)


def test_a_renamed_dependency_changes_nothing() -> None:
    old = compiled([on("push")], [makes("t", "a")])
    new = compiled([on("push", "commit")], [makes("t", "a", dependency="commit")])
    assert (compared(old, new).differences(), compared(old, new).same) == ([], 2)


def test_a_renamed_trigger_is_a_new_one_and_an_old_one() -> None:
    found = compared(
        compiled([on("push")], [makes("t", "a")]), compiled([on("push")], [makes("u", "a")])
    )
    assert changes(found) == [
        ("u", "e1", Change.NEW),
        ("u", "e2", Change.NEW),
        ("t", "e1", Change.GONE),
        ("t", "e2", Change.GONE),
    ]


def test_old_and_new_values_stand_side_by_side() -> None:
    old = compiled([on("push")], [makes("t", "a")])
    new = compiled([on("push")], [makes("t", "b")])
    [first, _] = compared(old, new).differences()
    assert first.change is Change.OTHER
    assert list(first.values()) == [("data.a", "1", None), ("data.b", None, "x")]


def test_two_parameters_of_one_place_are_two() -> None:
    def sensor(*keys: str) -> Sensor:
        trigger = makes("t", *keys)
        for parameter in trigger["template"]["k8s"]["parameters"]:
            parameter |= {"dest": "data.all", "operation": "append"}
        return compiled([on("push")], [trigger])

    [first, _] = compared(sensor("a", "a"), sensor("a", "b")).differences()
    assert list(first.values()) == [("data.all", "(append) 1", "(append) x")]


def test_another_kind_of_trigger_is_a_difference() -> None:
    found = compared(compiled([on("push")], [makes("t")]), compiled([on("push")], [logs("t")]))
    [first, _] = found.differences()
    assert list(first.values()) == [("the trigger's kind", "k8s", "log")]


def test_a_template_that_is_otherwise_different_is_said_not_compared() -> None:
    old, new = makes("t", "a"), makes("t", "b")
    dependencies = [on("push")]
    assert not comparing.other_templates(
        compiled(dependencies, [old]), compiled(dependencies, [new])
    )
    new["template"]["k8s"]["source"]["resource"]["kind"] = "Secret"
    both = compiled(dependencies, [old]), compiled(dependencies, [new])
    assert comparing.other_templates(*both) == ["t"]


def test_a_join_that_completes_at_another_event_is_found_again() -> None:
    """The changed Sensor may complete it with another of its events."""
    old = compiled([on("push"), on("go")], [logs("t", conditions="push && go")])
    new = compiled([on("go"), on("push")], [logs("t", conditions="go && push")])
    found = Comparison(keep=True)
    before, after = Simulation(old), Simulation(new)
    first, second = stored({}, "push", "e1"), stored({}, "go", "e2")
    found.add(before.take(first), after.take(second))
    found.add(before.take(second), after.take(first))
    assert (found.differences(), found.same) == ([], 1)


def test_only_what_is_to_be_fired_keeps_its_events() -> None:
    sensor = compiled([on("push")], [makes("t", "a")])
    for keep, kept in ((True, ["push"]), (False, [])):
        found = Comparison(keep=keep)
        found.add((), Simulation(sensor).take(EVENTS[0]))
        [difference] = found.differences()
        assert difference.after is not None
        assert list(difference.after.events) == kept
