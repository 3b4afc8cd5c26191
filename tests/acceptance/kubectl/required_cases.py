"""Where a field must be given: for each type an object that has all of them, and where it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from crds.generate import limits
from tests.acceptance.kubectl.limit_cases import Case, Spec, cron, dag, inputs, main, metric, run

Place = Callable[[Spec], Spec]


@dataclass(frozen=True)
class Whole:
    """`place` puts an object of the type into a spec of `kind`."""

    of: str
    whole: Spec
    place: Place
    kind: str = "WorkflowTemplate"


def _location(name: str) -> Place:
    return lambda each: inputs(artifacts=[{"name": "a", name: each}])


def _http(**auth: Any) -> Spec:
    return inputs(artifacts=[{"name": "a", "http": {"url": "u", **auth}}])


_MEMOIZE = {"key": "k", "maxAge": "1h", "cache": {"configMap": {"name": "c", "key": "k"}}}
_DATA = {
    "source": {"artifactPaths": {"name": "a", "s3": {"bucket": "b"}}},
    "transformation": [{"expression": "data"}],
}
_SUBMIT = {"workflowTemplateRef": {"name": "t"}}

TYPES = [
    Whole("Artifact", {"name": "a"}, lambda e: inputs(artifacts=[e])),
    Whole("Parameter", {"name": "p"}, lambda e: inputs(parameters=[e])),
    Whole("ArtifactoryArtifact", {"url": "u"}, _location("artifactory")),
    Whole("AzureArtifact", {"blob": "b", "container": "c", "endpoint": "e"}, _location("azure")),
    Whole("GCSArtifact", {"key": "k"}, _location("gcs")),
    Whole("GitArtifact", {"repo": "r"}, _location("git")),
    Whole("HDFSArtifact", {"path": "p"}, _location("hdfs")),
    Whole("HTTPArtifact", {"url": "u"}, _location("http")),
    Whole("OSSArtifact", {"key": "k"}, _location("oss")),
    Whole("RawArtifact", {"data": "d"}, _location("raw")),
    Whole("Header", {"name": "n", "value": "v"}, lambda e: _http(headers=[e])),
    Whole(
        "OAuth2EndpointParam",
        {"key": "k"},
        lambda e: _http(auth={"oauth2": {"endpointParams": [e]}}),
    ),
    Whole(
        "ContainerSetTemplate",
        {"containers": [{"name": "main", "image": "alpine"}]},
        lambda e: main(containerSet=e),
    ),
    Whole(
        "ContainerSetRetryStrategy",
        {"retries": 1},
        lambda e: main(
            containerSet={"containers": [{"name": "main", "image": "a"}], "retryStrategy": e}
        ),
    ),
    Whole("DAGTask", {"name": "a"}, lambda e: dag(e)),
    Whole("DAGTemplate", {"tasks": [{"name": "a"}]}, lambda e: main(dag=e)),
    Whole("DataTemplate", _DATA, lambda e: main(data=e)),
    Whole(
        "TransformationStep",
        {"expression": "data"},
        lambda e: main(data={**_DATA, "transformation": [e]}),
    ),
    Whole("HTTPTemplate", {"url": "u"}, lambda e: main(http=e)),
    Whole("HTTPHeader", {"name": "n"}, lambda e: main(http={"url": "u", "headers": [e]})),
    Whole("ResourceTemplate", {"action": "get"}, lambda e: main(resource=e)),
    Whole(
        "ManifestFrom",
        {"artifact": {"name": "a"}},
        lambda e: main(resource={"action": "get", "manifestFrom": e}),
    ),
    Whole("Memoize", _MEMOIZE, lambda e: run(memoize=e)),
    Whole("Cache", _MEMOIZE["cache"], lambda e: run(memoize={**_MEMOIZE, "cache": e})),  # type: ignore[arg-type]
    Whole("Metrics", {"prometheus": []}, lambda e: run(metrics=e)),
    Whole("Prometheus", {"name": "m", "help": "h"}, lambda e: run(metrics={"prometheus": [e]})),
    Whole("Counter", {"value": "1"}, lambda e: metric(counter=e)),
    Whole("Gauge", {"realtime": False, "value": "1"}, lambda e: metric(gauge=e)),
    Whole("Histogram", {"buckets": [1], "value": "1"}, lambda e: metric(histogram=e)),
    Whole("MetricLabel", {"key": "k", "value": "v"}, lambda e: metric(labels=[e])),
    Whole(
        "SyncDatabaseRef",
        {"key": "k"},
        lambda e: run(synchronization={"semaphores": [{"database": e}]}),
    ),
    Whole(
        "LabelValueFrom",
        {"expression": "'x'"},
        lambda e: {**run(), "workflowMetadata": {"labelsFrom": {"team": e}}},
    ),
    Whole("CronWorkflowSpec", cron(), lambda e: e, "CronWorkflow"),
    Whole("StopStrategy", {"expression": "true"}, lambda e: cron(stopStrategy=e), "CronWorkflow"),
    Whole(
        "WorkflowEventBindingSpec",
        {"event": {"selector": "true"}, "submit": _SUBMIT},
        lambda e: e,
        "WorkflowEventBinding",
    ),
    Whole(
        "Event",
        {"selector": "true"},
        lambda e: {"event": e, "submit": _SUBMIT},
        "WorkflowEventBinding",
    ),
    Whole(
        "Submit",
        _SUBMIT,
        lambda e: {"event": {"selector": "true"}, "submit": e},
        "WorkflowEventBinding",
    ),
]


def cases() -> Iterator[Case]:
    """One for every required field of every type."""
    for each in TYPES:
        for field in limits.REQUIRED[each.of]:
            less = {name: value for name, value in each.whole.items() if name != field}
            good, bad = each.place(each.whole), each.place(less)
            yield Case(f"{each.of}.{field}", good, bad, f".{field}: Required value", each.kind)


CASES = list(cases())
ELSEWHERE = {"ArtifactResult"}
"""Only in a status, which the engine writes through a resource of its own."""
