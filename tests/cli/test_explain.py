"""`headrace explain`: every field of every kind says what it means, and a path finds it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result

from crds import decode, kubernetes, scalars
from crds.errors import CrdError
from crds.generate import manifests
from crds.generate.manifests import DEFINITIONS
from headrace.cli.explain import explain
from headrace.insight.explain import (
    defaults,
    example_names,
    example_types,
    example_values,
    examples,
    fields,
    names,
    rendering,
    semantics,
    types,
    walking,
)
from headrace.insight.explain.fields import Field
from headrace.insight.explain.types import Form, Type


def run(*arguments: str) -> Result:
    return CliRunner().invoke(explain, list(arguments))


def said(*arguments: str) -> str:
    done = run(*arguments)
    assert done.exit_code == 0, done.output
    return done.output


def refused(*arguments: str) -> str:
    done = run(*arguments)
    assert done.exit_code == 1
    return done.output


def reachable() -> dict[str, Type]:
    """Every type with fields that a path can reach, by module and name."""
    found: dict[str, Type] = {}

    def visit(below: dict[str, Field]) -> None:
        for field in below.values():
            of = field.type.object
            key = f"{of.shape.__module__ if of.shape else ''}.{of.name}"
            if field.type.has_fields and key not in found:
                found[key] = of
                visit(fields.of_type(of))

    for kind in DEFINITIONS:
        found[kind.kind.__name__] = types.of_shape(kind.kind)
        visit(fields.of_kind(kind))
    return found


TYPES = reachable()


@pytest.mark.parametrize("of", TYPES.values(), ids=TYPES)
def test_every_field_of_every_type_has_documentation(of: Type) -> None:
    assert fields.meaning(of)
    silent = [each.name for each in fields.of_type(of).values() if not each.description]
    assert silent == []


def test_all_kinds_and_types_are_reached() -> None:
    assert len(DEFINITIONS) == 11
    assert len(TYPES) > 300
    reached = {of.name for of in TYPES.values() if of.form is Form.KUBERNETES}
    # What only a plain JSON status holds is not reached by a path.
    assert len(set(kubernetes.table()) - reached) < 20


@pytest.mark.parametrize("of", TYPES.values(), ids=TYPES)
def test_every_example_is_a_value_of_its_field(of: Type) -> None:
    for field in fields.of_type(of).values():
        value = {field.name: examples.of_field(field)}
        assert value[field.name] is not None
        if of.shape is not None:
            _, unknown = decode.decode(value, of.shape)
        else:
            unknown = read_as_kubernetes(of.name, value)
        assert unknown == []


def read_as_kubernetes(name: str, value: dict[str, Any]) -> list[str]:
    findings = scalars.Findings()
    decode._kubernetes(name)(value, None, findings)
    if findings.errors:
        raise CrdError(findings.errors)
    return findings.unknown


def every_field() -> Iterator[Field]:
    for of in TYPES.values():
        yield from fields.of_type(of).values()


def test_the_tables_name_fields_and_types_that_exist() -> None:
    places = set()
    owners = {of.name for of in TYPES.values()}
    for field in every_field():
        places.add(f"{field.owner}.{field.name}")
        if field.source is not None:
            for kind in field.source[0].__mro__:
                module = kind.__module__.rpartition(".")[2]
                owners |= {kind.__name__, f"{module}.{kind.__name__}"}
                places |= {f"{kind.__name__}.{field.name}"}
                places |= {f"{module}.{kind.__name__}.{field.name}"}
    assert sorted(set(example_values.BY_FIELD) - places) == []
    assert sorted(set(defaults.DEFAULTS) - places) == []
    assert sorted(set(semantics.SEMANTICS) - places) == []
    assert sorted(set(example_types.BY_TYPE) - owners) == []
    assert sorted(set(example_names.BY_NAME) - {field.name for field in every_field()}) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [(each, kind.kind.__name__) for kind in DEFINITIONS for each in names.names_of(kind)],
)
def test_kinds_have_the_names_that_kubectl_knows(name: str, kind: str) -> None:
    for spelling in (name, name.upper(), name.capitalize()):
        assert names.find(spelling).kind.__name__ == kind


def test_a_field_says_its_type_default_limits_and_an_example() -> None:
    text = said("wf.spec.templates.retryStrategy.retryPolicy")
    assert "FIELD: retryPolicy <string>" in text
    assert "PATH:  spec.templates[].retryStrategy.retryPolicy" in text
    assert "DEFAULT: OnFailure" in text
    assert "  OnTransientError\n" in text
    assert "EXAMPLE:\n    retryPolicy: " in text


def test_a_field_says_what_happens() -> None:
    text = said("wf.spec.templates.dag.tasks.depends")
    assert "SEMANTICS:\n    - Operands: NAME.Succeeded" in text
    assert max(map(len, text.splitlines())) <= 80
    rules = json.loads(said("wf.spec.templates.steps.when", "-o", "json"))["semantics"]
    assert any("govaluate" in rule for rule in rules)
    assert json.loads(said("wf.spec.priority", "-o", "json"))["semantics"] == []


@pytest.mark.parametrize(
    ("path", "limit"),
    [
        ("wf.spec.templates", "at most 200 items"),
        ("wf.spec.templates", "template must have at most one template type"),
        ("wf.spec.templates.dag.tasks", "cannot use both 'depends' and 'dependencies'"),
        ("wf.spec.templates.steps.withSequence", "only one of count or end can be defined"),
        ("wf.spec.arguments", "artifacts: at most 500 items"),
        ("cwf.spec.schedules", "each matches ^(@"),
        ("wf.spec.templates.inputs.artifacts.mode", "at most 511"),
    ],
)
def test_what_the_api_server_checks_is_said(path: str, limit: str) -> None:
    assert limit in said(path)


@pytest.mark.parametrize(
    ("resource", "path"),
    [
        ("wf.spec.templates.container.image", "spec.templates[].container.image"),
        ("wf.spec.templates[0].container.image", "spec.templates[].container.image"),
        ("wf.spec.templates[].container.image", "spec.templates[].container.image"),
        ("wf.spec.templates[*].container.image", "spec.templates[].container.image"),
        ("wf.spec.templates.0.container.image", "spec.templates[].container.image"),
        ("workflows.argoproj.io.spec.entrypoint", "spec.entrypoint"),
        ("wf.spec.templates.steps[0][1].when", "spec.templates[][].steps[][].when"),
        ("es.spec.webhook.port", "spec.webhook.<name>.port"),
        ("es.spec.webhook.push.port", "spec.webhook.<name>.port"),
        ("es.spec.webhook[my.push].port", "spec.webhook.<name>.port"),
        ("wf.status.nodes.phase", "status.nodes.<name>.phase"),
        ("sensor.status.conditions.reason", "status.conditions[].reason"),
        ("eb.status.config.jetstream.url", "status.config.jetstream.url"),
        ("wf.metadata.labels.team", "metadata.labels"),
        ("wf.spec.hooks.exit.template", "spec.hooks.<name>.template"),
        ("wfts.spec.tasks.http.url", "spec.tasks.<name>.http.url"),
        ("wf.spec.templateDefaults.inputs.parameters.enum", None),
    ],
)
def test_lists_and_maps_are_stepped_through(resource: str, path: str | None) -> None:
    found = json.loads(said(resource, "-o", "json"))["path"]
    wanted = path or "spec.templateDefaults.inputs.parameters[].enum"
    assert found == wanted.replace("templates[][]", "templates[]")


@pytest.mark.parametrize(
    ("resource", "nearest"),
    [
        ("wf.spec.templats", 'did you mean "spec.templates"?'),
        ("wf.spec.entryPoint", 'did you mean "spec.entrypoint"?'),
        ("wf.spec.templates.container.imgae", 'did you mean "spec.templates.container.image"?'),
        ("wf.spec.container", 'did you mean "spec.templates.container"?'),
        ("sensor.spec.dataKey", 'did you mean "spec.triggers.parameters.src.dataKey"?'),
        ("es.spec.webhook.endpont", 'did you mean "spec.webhook.endpoint"?'),
        ("es.spec.webhok", 'did you mean "spec.webhook"?'),
        ("wrkflow", 'did you mean "Workflow"?'),
        ("wf.spec.entrypoint.name", 'has no field "name": its type is string'),
        ("wf.spec.templates.plugin.x.y", "spec.templates[].plugin holds any fields"),
        ("cwf.spec.schedule", 'has no field "schedule" any more; use "schedules", a list'),
        ("wf.spec.synchronization.mutex", 'use "mutexes"'),
        ("wf.spec.podPriority", 'use "podPriorityClassName"'),
        ("pod.spec", "the kinds are Workflow, "),
        ("eb.spec.zzz", "it has nats, jetstream, kafka, jetstreamExotic"),
    ],
)
def test_a_wrong_path_names_the_nearest(resource: str, nearest: str) -> None:
    assert nearest in refused(resource)


@pytest.mark.parametrize("resource", ["", ".", "wf..spec", "wf.[", "wf.spec]", "." * 5000])
def test_odd_paths_are_no_traceback(resource: str) -> None:
    done = run(resource)
    assert done.exit_code in (0, 1)
    assert done.exception is None or isinstance(done.exception, SystemExit)


def test_api_versions() -> None:
    version = f"{manifests.GROUP}/{manifests.VERSION}"
    assert said("wf", "--api-version", version) == said("wf")
    assert 'no API version "v1"' in refused("wf", "--api-version", "v1")


def test_recursive_opens_every_type_once_on_every_way_down() -> None:
    text = said("wf.spec", "--recursive")
    assert "\n  templates\t<[]Template> " not in text
    assert "\n    container\t<Container>" in text
    assert "\n      image\t<string>" in text
    assert len(text) < 3_000_000


def test_json_has_the_same_for_programs() -> None:
    found = json.loads(said("wf.spec.templates", "-o", "json", "--recursive"))
    assert found["kind"] == "Workflow"
    assert found["type"] == "[]Template"
    [dag] = [each for each in found["fields"] if each["name"] == "dag"]
    assert [each["name"] for each in dag["fields"]] == ["target", "tasks", "failFast"]
    assert dag["fields"][2]["default"] == "true"


@pytest.mark.parametrize("kind", DEFINITIONS, ids=lambda kind: kind.kind.__name__)
def test_the_example_of_a_kind_is_an_object_of_it(kind: manifests.Definition) -> None:
    example = rendering.example(walking.find(kind, ""))
    typed, unknown = decode.decode(example, kind.kind)
    assert unknown == []
    assert decode.encode(typed) == example
