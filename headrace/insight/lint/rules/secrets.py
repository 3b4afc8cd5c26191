"""Literals that look like secrets. Their text is never printed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from headrace.insight.lint import corpus as corpora
from headrace.insight.lint import examples
from headrace.insight.lint.corpus import Container, Corpus
from headrace.insight.lint.model import Hit, Path
from headrace.insight.lint.rule import Hits, Rule

_NAMES = re.compile(
    r"(pass(word|wd|phrase)?|secret|token|api_?key|access_?key|private_?key|credentials?)$", re.I
)
_KNOWN = re.compile(
    r"gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|AKIA[0-9A-Z]{16}|"
    r"xox[abprs]-[\w-]{10,}|sk_live_\w{16,}|-----BEGIN [A-Z ]*PRIVATE KEY-----|"
    r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"
)
_FLAG = re.compile(
    r"(?:^|[\s;&])--?(?:\w+-)*(?:password|passwd|token|secret|api-?key)[= ]+"
    r"([^\s\"'{$<-][^\s]{3,})",
    re.I,
)
_HARMLESS = frozenset({"", "true", "false", "changeme", "none", "null"})


def _check(corpus: Corpus) -> Hits:
    for flow in corpus.flows():
        for each in flow.containers():
            for path, where in _found(each):
                message = (
                    f"{where} looks like a secret that everybody who reads the manifest has: put "
                    "it in a Secret, and take it from there with valueFrom.secretKeyRef"
                )
                yield flow.item, Hit(path, message)


def _found(container: Container) -> Iterator[tuple[Path, str]]:
    for index, variable in enumerate(corpora.objects(container.body.get("env"))):
        name, value = str(variable.get("name") or ""), variable.get("value")
        if isinstance(value, str) and _suspicious(name, value):
            yield (*container.path, "env", index, "value"), f"the value of {name}"
    for key in ("command", "args", "source"):
        for path, text in corpora.texts_in(container.body.get(key)):
            if _KNOWN.search(text) or _FLAG.search(text):
                yield (*container.path, key, *path), f"a word of {key}"


def _suspicious(name: str, value: str) -> bool:
    if "{{" in value or value.lower() in _HARMLESS or value.startswith(("/", "$(")):
        return False
    return bool(_KNOWN.search(value) or _NAMES.search(name))


RULE = Rule(
    id="secret-literal",
    title="A literal looks like a secret",
    why=(
        "Manifests are kept in version control, shown in UIs and copied into statuses. What stands "
        "in them is known to all who may read any of these."
    ),
    bad=examples.workflow(
        "- name: main\n  container:\n    image: alpine:3.20\n"
        "    env:\n      - name: DB_PASSWORD\n        value: hunter2\n"
    ),
    good=examples.workflow(
        "- name: main\n  container:\n    image: alpine:3.20\n"
        "    env:\n      - name: DB_PASSWORD\n        valueFrom:\n"
        "          secretKeyRef: {name: db, key: password}\n"
    ),
    check=_check,
)
