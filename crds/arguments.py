"""Parameters and what holds them: arguments, inputs, outputs. Source: Argo Workflows v4.1."""

from __future__ import annotations

from crds.artifacts import Artifact
from crds.shape import AnyString, ConfigMapKey, Shape


class SuppliedValueFrom(Shape, frozen=True):
    """Marks a value that somebody gives while the workflow waits."""


class ValueFrom(Shape, frozen=True):
    """Where a parameter's value comes from; which field is allowed depends on the place."""

    path: str = ""  # file in the container (outputs of containers and scripts)
    json_path: str = ""  # JSONPath on the resource (outputs of resource templates)
    jq_filter: str = ""  # jq filter on the resource (outputs of resource templates)
    event: str = ""  # expression on the event's payload (workflow event bindings)
    parameter: str = ""  # a tag that names a step's or task's output (outputs of steps and DAGs)
    supplied: SuppliedValueFrom | None = None  # given by a person (outputs of suspend templates)
    config_map_key_ref: ConfigMapKey | None = None  # key of a ConfigMap
    default: AnyString | None = None  # value when the source has none
    expression: str = ""  # expression on steps, tasks and inputs (outputs of steps and DAGs)


class Parameter(Shape, frozen=True):
    """A named text."""

    name: str = ""  # unique among the parameters of one list
    default: AnyString | None = None  # value when none is given
    value: AnyString | None = None  # the value; in an input it wins over `default`
    value_from: ValueFrom | None = None  # where the value comes from
    global_name: str = ""  # also an output of the workflow, under this name
    enum: list[AnyString] | None = None  # the values that are allowed
    description: AnyString | None = None  # for people


class Arguments(Shape, frozen=True):
    """What is handed to a workflow or template."""

    parameters: list[Parameter] | None = None  # parameters by name
    artifacts: list[Artifact] | None = None  # artifacts by name


class Inputs(Shape, frozen=True):
    """What a template takes."""

    parameters: list[Parameter] | None = None  # parameters by name
    artifacts: list[Artifact] | None = None  # artifacts, placed at their `path`


class Outputs(Shape, frozen=True):
    """What a template gives."""

    parameters: list[Parameter] | None = None  # parameters by name
    artifacts: list[Artifact] | None = None  # artifacts by name
    result: str | None = None  # last 256 KiB of stdout, or an HTTP body; set by the system
    exit_code: str | None = None  # exit code of the main container; set by the system
