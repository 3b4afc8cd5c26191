"""The `Rule`: what one file in `rules/` offers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from crds.validation.files import Checked
from headrace.insight.lint.corpus import Corpus
from headrace.insight.lint.model import Hit

Hits = Iterator[tuple[Checked, Hit]]


@dataclass(frozen=True, slots=True)
class Rule:
    """`bad` is a file in which the rule finds something, `good` one in which it finds nothing.

    `fixes`: what `--fix` does about it, empty when it takes a decision that only people can make.
    """

    id: str
    title: str
    why: str
    bad: str
    good: str
    check: Callable[[Corpus], Hits]
    fixes: str = ""
