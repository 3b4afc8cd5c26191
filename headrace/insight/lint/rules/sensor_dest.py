"""Parameters that go nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.insight.lint import corpus as corpora
from headrace.insight.lint import example_sensor
from headrace.insight.lint.corpus import Corpus
from headrace.insight.lint.model import Hit
from headrace.insight.lint.rule import Hits, Rule

_FREE = ("metadata.labels.", "metadata.annotations.", "data.", "stringData.")


def _check(corpus: Corpus) -> Hits:
    for item in corpus.of_kind("Sensor"):
        for path, trigger in corpora.triggers_of(item):
            found = corpora.resource_of(path, trigger)
            if found is None:
                continue
            where, resource, kind = found
            for index, parameter in enumerate(corpora.objects(kind.get("parameters"))):
                dest = str(parameter.get("dest") or "")
                missing = _missing(resource, dest)
                if missing:
                    field = (*where[:-2], "parameters", index, "dest")
                    message = (
                        f"dest {dest}: the resource has no {missing}, so the value would go where "
                        "nothing reads it. Write the field into the resource, or mend the path"
                    )
                    yield item, Hit(field, message)


def _missing(resource: Mapping[str, Any], dest: str) -> str:
    """The part of the path that is not there. The last key may be new in an object that is."""
    if not dest or dest.startswith(_FREE) or any(char in dest for char in "\\*?#|@"):
        return ""
    steps = dest.split(".")
    value: Any = resource
    for number, step in enumerate(steps):
        last = number == len(steps) - 1
        if isinstance(value, list):
            if step == "-1":
                return ""  # appends
            if not step.isdigit() or int(step) >= len(value):
                return ".".join(steps[: number + 1])
            value = value[int(step)]
        elif isinstance(value, Mapping):
            if step not in value:
                return (
                    ""
                    if (last and number <= 2) or _parameter(value, step, last)
                    else ".".join(steps[: number + 1])
                )
            value = value[step]
        else:
            return ".".join(steps[:number])
    return ""


def _parameter(value: Mapping[str, Any], step: str, last: bool) -> bool:
    """The value of a named parameter, or a field beside others of a leaf object."""
    return last and (step == "value" or "name" in value)


RULE = Rule(
    id="sensor-dest",
    title="A parameter's dest is not in the resource",
    why=(
        "A path that does not exist is made: the object gets a field that no one reads, and the "
        "workflow runs with its default value."
    ),
    bad=example_sensor.sensor(dest="spec.arguments.parameters.1.value"),
    good=example_sensor.sensor(),
    check=_check,
)
