"""The frame of the rules' examples: a workflow with one template, and what is put in its place."""

from __future__ import annotations

HEAD = """\
apiVersion: argoproj.io/v1alpha1
kind: Workflow
metadata:
  generateName: build-
spec:
  entrypoint: main
"""


def workflow(templates: str, spec: str = "") -> str:
    """A Workflow; `spec` and `templates` are blocks, written from the left margin."""
    return HEAD + _indented(spec, 2) + "  templates:\n" + _indented(templates, 4)


def _indented(block: str, columns: int) -> str:
    return "".join(f"{' ' * columns}{line}\n" if line else "\n" for line in block.splitlines())
