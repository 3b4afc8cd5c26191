"""`headrace submit`: start workflows from files or from a stored template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from crds import submission
from headrace.cli import following, manifests, printing, summary
from headrace.cli.connection import Connection, Target, asynchronous, target_options
from kube import resources
from lang import yaml
from lang.errors import LangError

ORIGINS = {
    "workflowtemplate": resources.WORKFLOW_TEMPLATES,
    "workflowtemplates": resources.WORKFLOW_TEMPLATES,
    "wftmpl": resources.WORKFLOW_TEMPLATES,
    "clusterworkflowtemplate": resources.CLUSTER_WORKFLOW_TEMPLATES,
    "clusterworkflowtemplates": resources.CLUSTER_WORKFLOW_TEMPLATES,
    "cwft": resources.CLUSTER_WORKFLOW_TEMPLATES,
    "cronworkflow": resources.CRON_WORKFLOWS,
    "cronworkflows": resources.CRON_WORKFLOWS,
    "cronwf": resources.CRON_WORKFLOWS,
    "cwf": resources.CRON_WORKFLOWS,
}
OUTPUTS = click.Choice(["name", "json", "yaml", "wide"])


@click.command()
@click.argument("files", metavar="[FILE...]", nargs=-1)
@click.option("--from", "origin", help="workflowtemplate/NAME, cronwf/NAME, ...")
@click.option("-p", "--parameter", "parameters", multiple=True, metavar="NAME=VALUE")
@click.option("-f", "--parameter-file", help="YAML or JSON file of names and values.")
@click.option("--entrypoint", help="Template to start with.")
@click.option("--name", help="Name of the workflow.")
@click.option("--generate-name", help="Prefix of a generated name.")
@click.option("-l", "--labels", default="", help="Labels to add: a=b,c=d.")
@click.option("--serviceaccount", help="Service account of the pods.")
@click.option("--priority", type=int)
@click.option("--dry-run", is_flag=True, help="Print the workflow, do not submit it.")
@click.option("--server-dry-run", is_flag=True, help="Let the server check it, do not store it.")
@following.options
@click.option("-o", "--output", type=OUTPUTS)
@target_options
@asynchronous
async def submit(target: Target, files: tuple[str, ...], **options: Any) -> None:
    """Submit workflows. With --watch, --wait or --log the exit code tells how they ended."""
    if bool(files) == bool(options["origin"]):
        raise click.UsageError("give either FILE... or --from KIND/NAME")
    choice = _choice(options)
    async with target.connect() as connection:
        made = [
            await _create(connection, body, options)
            for body in await _bodies(connection, files, options, choice)
        ]
        if options["dry_run"] or options["server_dry_run"]:
            return
        good = [await following.ended_well(connection, w, options) for w in made]
    if not all(good):
        raise click.exceptions.Exit(1)


def _choice(options: dict[str, Any]) -> submission.Options:
    given: dict[str, Any] = {}
    if options["parameter_file"]:
        given.update(_parameter_file(Path(options["parameter_file"])))
    try:
        given.update(submission.parse_parameter(text) for text in options["parameters"])
        labels = submission.parse_labels(options["labels"])
    except submission.SubmissionError as error:
        raise click.UsageError(str(error)) from error
    return submission.Options(
        parameters=given,
        labels=labels,
        entrypoint=options["entrypoint"],
        name=options["name"],
        generate_name=options["generate_name"],
        service_account=options["serviceaccount"],
        priority=options["priority"],
    )


def _parameter_file(path: Path) -> dict[str, Any]:
    try:
        documents = yaml.load_all(yaml.decode(path.read_bytes()))
    except OSError as error:
        raise click.ClickException(f"cannot read {path}: {error.strerror}") from error
    except LangError as error:
        raise click.ClickException(f"{path}: {error.message}") from error
    value = documents[0].value if documents else {}
    if not isinstance(value, dict):
        raise click.ClickException(f"{path}: not a map of names and values")
    return {name: submission.parameter_text(v) for name, v in value.items()}


async def _bodies(
    connection: Connection,
    files: tuple[str, ...],
    options: dict[str, Any],
    choice: submission.Options,
) -> list[dict[str, Any]]:
    if options["origin"]:
        kind, _, name = options["origin"].partition("/")
        resource = ORIGINS.get(kind.lower())
        if resource is None or not name:
            raise click.UsageError(f"--from {options['origin']}: must be KIND/NAME")
        namespace = connection.namespace if resource.namespaced else None
        stored = await connection.cluster.get(resource, namespace, name)
        return [submission.from_stored(stored, choice)]
    found = []
    for manifest in manifests.read(files):
        if manifest.body["kind"] != "Workflow":
            raise click.ClickException(
                f"{manifest.where}: a {manifest.body['kind']} cannot be submitted; "
                "apply it, or submit --from it"
            )
        found.append(submission.with_options(manifest.body, choice))
    return found


async def _create(
    connection: Connection, body: dict[str, Any], options: dict[str, Any]
) -> dict[str, Any]:
    output = options["output"]
    if options["dry_run"]:
        printing.echo_object(body, output if output in {"json", "name"} else "yaml")
        return body
    namespace = body["metadata"].get("namespace") or connection.namespace
    params = {"fieldValidation": "Strict"}
    if options["server_dry_run"]:
        params["dryRun"] = "All"
    path = resources.WORKFLOWS.path(namespace)
    made: dict[str, Any] = await connection.cluster.request("POST", path, params=params, body=body)
    if output in {"json", "yaml", "name"}:
        printing.echo_object(made, output)
    elif not (options["watch"] or options["log"]):
        summary.show(printing.console(), made, wide=output == "wide")
    return made
