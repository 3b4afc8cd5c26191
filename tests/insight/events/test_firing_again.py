"""`replay --fire`: each difference once, with the trigger's retries, under keys never used."""

from __future__ import annotations

from typing import Any, cast

from events.ledger.records import State
from events.secrets import Secrets
from events.sensors.compiled import Sensor, compile_sensor
from events.triggers.contract import TriggerServices
from headrace.insight.events import firing_again
from headrace.insight.events.comparing import Comparison
from headrace.insight.events.simulating import Simulation
from kube.clock import SystemClock
from kube.cluster import Cluster
from kube.egress import Egress
from tests import ports
from tests.events.support import SecretsOnly
from tests.insight.events.sensors import compiled, logs, on, stored, written


def found(sensor: Sensor, *identities: str) -> Comparison:
    """What would be fired by a Sensor that is new."""
    simulation, comparison = Simulation(sensor), Comparison(keep=True)
    for identity in identities:
        comparison.add((), simulation.take(stored({}, identity=identity)))
    return comparison


def again(sensor: Sensor) -> firing_again.Again:
    cluster, clock = cast("Cluster", SecretsOnly({})), SystemClock()
    services = TriggerServices(cluster, Secrets(cluster, clock), clock, Egress())
    return firing_again.Again(services, sensor)


def refused(name: str, **spec: Any) -> dict[str, Any]:
    """A trigger that calls a port where nobody listens."""
    url = f"http://127.0.0.1:{ports.free_port()}/"
    retry = {"steps": 3, "duration": "1ms"}
    return {"template": {"name": name, "http": {"url": url, **spec}}, "retryStrategy": retry}


async def test_an_event_at_two_dependencies_is_two_firings_with_keys_of_their_own() -> None:
    sensor = compiled([on("push", "one"), on("push", "two")], [logs("t", conditions="one || two")])
    differences = found(sensor, "e1").differences()
    work = [*firing_again.work(sensor, "argo", differences)]
    work += firing_again.work(sensor, "argo", differences)
    assert len({firing.key for firing in work}) == 4
    runner = again(sensor)
    assert [(await runner.fire(each)).state for each in work] == [State.FIRED] * 4


async def test_one_that_is_given_up_was_retried_and_does_not_stop_the_next() -> None:
    body = written([on("push")], [refused("calls"), logs("says")])
    body["spec"]["errorOnFailedRound"] = True
    sensor = compile_sensor(body)
    runner = again(sensor)
    work = firing_again.work(sensor, "argo", found(sensor, "e1", "e2").differences())
    outcomes = [await runner.fire(each) for each in work]
    assert [(o.trigger, o.state, o.attempts) for o in outcomes] == [
        ("calls", State.DEAD, 3),
        ("says", State.FIRED, 1),
    ] * 2
    assert "Cannot connect" in outcomes[0].reason
