"""What lint and the engine check before a workflow runs: everything a schema cannot say.

Each validator makes one pass and returns every finding, with its field path and in the words
people know from Argo. It is another gate than the API server's schema (`crds.manifests`), and
the two disagree in both directions, as Argo's do. Nothing here reads files or the clock.
"""

from crds.validation.cron import validate_cron_workflow
from crds.validation.eventbus import validate_event_bus
from crds.validation.eventsource import validate_event_source
from crds.validation.library import Library
from crds.validation.sensor import validate_sensor
from crds.validation.workflow import validate_workflow, validate_workflow_template

__all__ = [
    "Library",
    "validate_cron_workflow",
    "validate_event_bus",
    "validate_event_source",
    "validate_sensor",
    "validate_workflow",
    "validate_workflow_template",
]
