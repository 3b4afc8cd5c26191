"""The example of the rules about Sensors."""

from __future__ import annotations

_EVENT_SOURCE = """\
apiVersion: argoproj.io/v1alpha1
kind: EventSource
metadata:
  name: github
spec:
  webhook:
    push:
      endpoint: /push
      method: POST
      port: "12000"
---
"""


def sensor(
    dest: str = "spec.arguments.parameters.0.value",
    data_key: str = "body.ref",
    event: str = "push",
) -> str:
    """An EventSource with the event `push`, and a Sensor that submits a workflow."""
    return f"""{_EVENT_SOURCE}\
apiVersion: argoproj.io/v1alpha1
kind: Sensor
metadata:
  name: on-push
spec:
  dependencies:
    - name: push
      eventSourceName: github
      eventName: {event}
  triggers:
    - template:
        name: build
        k8s:
          operation: create
          source:
            resource:
              apiVersion: argoproj.io/v1alpha1
              kind: Workflow
              metadata:
                generateName: build-
              spec:
                entrypoint: main
                arguments:
                  parameters:
                    - name: branch
                templates:
                  - name: main
                    container:
                      image: alpine:3.20
          parameters:
            - src:
                dependencyName: push
                dataKey: {data_key}
              dest: {dest}
"""
