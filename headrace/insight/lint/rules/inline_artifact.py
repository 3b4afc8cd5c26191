"""Data that is carried along in the manifest."""

from __future__ import annotations

from headrace.insight.lint import corpus as corpora
from headrace.insight.lint import examples
from headrace.insight.lint.corpus import Corpus
from headrace.insight.lint.model import Hit
from headrace.insight.lint.rule import Hits, Rule

LARGEST = 16 * 1024  # characters


def _check(corpus: Corpus) -> Hits:
    for flow in corpus.flows():
        spec = {k: v for k, v in flow.spec.items() if k in ("arguments", "templates")}
        for path, text in corpora.texts_in(spec, flow.path):
            if path[-2:] == ("raw", "data") and len(text) > LARGEST:
                message = (
                    f"{len(text) // 1024} KiB of data in the manifest are stored with every run "
                    "and every template: keep them in a ConfigMap or an artifact store"
                )
                yield flow.item, Hit(path, message)


def _artifact(size: int) -> str:
    data = "x" * size
    return (
        "- name: main\n  inputs:\n    artifacts:\n      - name: table\n        path: /data\n"
        f"        raw:\n          data: {data}\n  container:\n    image: alpine:3.20\n"
    )


RULE = Rule(
    id="big-inline-artifact",
    title="Much data stands in the manifest",
    why=(
        "A `raw` artifact is part of the object: it counts towards the 1.5 MB that an object may "
        "have, and is read and written with each change of the status."
    ),
    bad=examples.workflow(_artifact(LARGEST + 1)),
    good=examples.workflow(_artifact(20)),
    check=_check,
)
