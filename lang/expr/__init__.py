"""expr-lang: `{{=…}}`, hooks, retries, outputs, event bindings, EventSource filters.

The way of a text: `lexer` → `parser` (tree of `nodes`) → `checker` (types that are certain) →
`closures`; `program.Program` ties them together and is what callers hold. Which functions a place
knows is one table in `sites`. Source of the semantics: expr-lang 1.17.8, and 1.15.5 in filters.
"""

from __future__ import annotations

from lang.expr.program import Program, compile
from lang.expr.sites import Site

__all__ = ["Program", "Site", "compile"]
