"""Values that are pasted into program text."""

from __future__ import annotations

from headrace.insight.lint import pasting
from headrace.insight.lint.corpus import Corpus
from headrace.insight.lint.rule import Hits, Rule


def _check(corpus: Corpus) -> Hits:
    return pasting.hits(corpus, from_events=False)


RULE = Rule(
    id="script-injection",
    title="A parameter is pasted into a script",
    why=(
        "Tags are replaced in the text before the program reads it. A value such as "
        '`"; rm -rf / #` then is no value any more but part of the program. In an environment '
        "variable it stays a value."
    ),
    bad=pasting.BAD,
    good=pasting.GOOD,
    check=_check,
    fixes="In shell scripts: the tag moves to an environment variable.",
)
