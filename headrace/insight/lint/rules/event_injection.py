"""Values that an event can paste into program text."""

from __future__ import annotations

from headrace.insight.lint import pasting
from headrace.insight.lint.corpus import Corpus
from headrace.insight.lint.rule import Hits, Rule

_SENSOR = """\
---
apiVersion: argoproj.io/v1alpha1
kind: Sensor
metadata:
  name: on-push
spec:
  dependencies:
    - name: push
      eventSourceName: github
      eventName: push
  triggers:
    - template:
        name: build
        argoWorkflow:
          operation: submit
          source:
            resource:
              apiVersion: argoproj.io/v1alpha1
              kind: Workflow
              metadata:
                generateName: build-
              spec:
                workflowTemplateRef:
                  name: build
                arguments:
                  parameters:
                    - name: branch
          parameters:
            - src:
                dependencyName: push
                dataKey: body.ref
              dest: spec.arguments.parameters.0.value
"""


def _check(corpus: Corpus) -> Hits:
    return pasting.hits(corpus, from_events=True)


RULE = Rule(
    id="event-injection",
    title="An event can put commands into a script",
    why=(
        "As `script-injection`, and worse: the value comes from an event through a Sensor's "
        "parameter, so anybody who can send the event, by naming a branch for example, chooses "
        "what runs. The way is followed from the Sensor through arguments and templates."
    ),
    bad=pasting.BAD + _SENSOR,
    good=pasting.GOOD + _SENSOR,
    check=_check,
    fixes="In shell scripts: the tag moves to an environment variable.",
)
