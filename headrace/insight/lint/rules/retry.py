"""Steps that use the network and have one try."""

from __future__ import annotations

import re

from headrace.insight.lint import code, examples
from headrace.insight.lint.corpus import Corpus, Flow, Json
from headrace.insight.lint.model import Hit
from headrace.insight.lint.rule import Hits, Rule

_PULLS = re.compile(
    r"(?<![\w./-])(curl|wget|git\s+(?:clone|fetch|pull)|pip3?\s+install|npm\s+(?:ci|install)|"
    r"yarn\s+install|go\s+(?:get|mod\s+download)|apt(?:-get)?\s+(?:-\S+\s+)*(?:update|install)|"
    r"apk\s+(?:-\S+\s+)*(?:add|update)|aws\s+s3|gsutil|az\s+storage|mvn|docker\s+pull|"
    r"helm\s+(?:repo|pull|install)|rsync|scp)(?![\w-])"
)
_LEAF = (
    "- name: main\n  container:\n    image: alpine:3.20\n"
    "    command: [sh, -c, 'wget https://example.com/data.csv']\n"
)


def _check(corpus: Corpus) -> Hits:
    for flow in corpus.flows():
        for path, template in flow.templates():
            if template.get("retryStrategy") or flow.defaults.get("retryStrategy"):
                continue
            if flow.spec.get("retryStrategy"):
                continue
            used = "an HTTP request" if template.get("http") else _pulls(flow, template)
            if used:
                message = (
                    f"{used} is tried once: add a retryStrategy with a backoff, such as "
                    '{limit: "3", backoff: {duration: 5s, factor: "2"}}'
                )
                yield flow.item, Hit(path, message)


def _pulls(flow: Flow, template: Json) -> str:
    for each in flow.containers():
        if each.template is template:
            texts = [piece.text for piece in code.of(each)]
            words = [w for key in ("command", "args") for w in each.body.get(key) or ()]
            texts.append(" ".join(w for w in words if isinstance(w, str)))
            for text in texts:
                if found := _PULLS.search(text):
                    return " ".join(found.group(1).split())
    return ""


RULE = Rule(
    id="no-retry",
    title="A step that uses the network has one try",
    why=(
        "Networks fail now and then; one lost connection then fails the whole run. A retry with a "
        "backoff costs nothing when all goes well."
    ),
    bad=examples.workflow(_LEAF),
    good=examples.workflow(
        _LEAF + '  retryStrategy:\n    limit: "3"\n    backoff: {duration: 5s, factor: "2"}\n'
    ),
    check=_check,
)
