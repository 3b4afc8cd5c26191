"""`# headrace: ignore=ID reason`: silences one place, with a reason.

The comment stands at the end of the line it is about, or on lines of its own right above. Several
ids are separated by commas. Without a reason it does not count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from headrace.insight.lint.model import Finding

_COMMENT = re.compile(r"#\s*headrace:\s*ignore=([a-z0-9,-]+)[ \t]+\S")


class Silenced:
    """The places that comments silence."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._ids: dict[tuple[str, int], set[str]] = {}
        for file, text in texts.items():
            if "headrace:" in text:
                self._read(file, text)

    def _read(self, file: str, text: str) -> None:
        above: set[str] = set()
        for number, line in enumerate(text.splitlines(), 1):
            found = {
                name for match in _COMMENT.finditer(line) for name in match.group(1).split(",")
            }
            if line.lstrip().startswith("#"):
                above |= found
                continue
            if found or above:
                self._ids[file, number] = found | above
            above = set()

    def holds(self, finding: Finding) -> bool:
        """Whether a comment is about this finding."""
        return finding.rule in self._ids.get((finding.file, finding.line), ())
