"""Dependencies that nothing can satisfy."""

from __future__ import annotations

import difflib

from headrace.insight.lint import corpus as corpora
from headrace.insight.lint import example_sensor
from headrace.insight.lint.corpus import Corpus, Json
from headrace.insight.lint.model import Hit
from headrace.insight.lint.rule import Hits, Rule

NO_EVENTS = frozenset({"eventBusName", "replicas", "template", "service"})


def _check(corpus: Corpus) -> Hits:
    known = corpus.event_sources()
    if not known and not corpus.complete:
        return  # they are applied from elsewhere
    for item in corpus.of_kind("Sensor"):
        spec = item.value.get("spec")
        dependencies = spec.get("dependencies") if isinstance(spec, dict) else None
        for index, dependency in enumerate(corpora.objects(dependencies)):
            source = str(dependency.get("eventSourceName") or "")
            event = str(dependency.get("eventName") or "")
            path = ("spec", "dependencies", index)
            if not source or not event or any(char in source + event for char in "*?["):
                continue
            if source not in known:
                message = f"there is no EventSource {source}{_like(source, list(known))}"
                yield item, Hit((*path, "eventSourceName"), message)
            elif event not in events_of(known[source]):
                names = sorted(events_of(known[source]))
                message = (
                    f"EventSource {source} has no event {event}{_like(event, names)}; it has "
                    f"{', '.join(names) or 'none'}"
                )
                yield item, Hit((*path, "eventName"), message)


def events_of(spec: Json) -> dict[str, str]:
    """The events of an EventSource's spec, with their type."""
    return {
        str(name): kind
        for kind, entries in spec.items()
        if kind not in NO_EVENTS and isinstance(entries, dict)
        for name in entries
    }


def _like(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, 1)
    return f" (is {close[0]} meant?)" if close else ""


RULE = Rule(
    id="sensor-dependency",
    title="No EventSource provides a dependency",
    why="A dependency on an event that nothing emits never comes true: the Sensor is silent.",
    bad=example_sensor.sensor(event="pusch"),
    good=example_sensor.sensor(),
    check=_check,
)
