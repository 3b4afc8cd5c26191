"""The meaning of types and fields, read from the source of the typed kinds.

A type's meaning is its docstring; a field's is the comment behind it, or on the line before it
where that would be too long. `explain` reads the same texts through the manifests.
"""

from __future__ import annotations

import ast
import functools
import inspect
import io
import sys
import tokenize
from types import ModuleType


def of_type(kind: type) -> str:
    """The docstring, on one line."""
    return " ".join((kind.__doc__ or "").split())


def of_field(kind: type, attribute: str) -> str:
    """The comment of a field of `kind` or of one of its parents; empty when there is none."""
    for owner in kind.__mro__:
        module = sys.modules.get(owner.__module__)
        if module is not None and owner.__module__.startswith("crds."):
            found = _comments(module).get((owner.__name__, attribute))
            if found:
                return found[0].upper() + found[1:]
    return ""


@functools.cache
def _comments(module: ModuleType) -> dict[tuple[str, str], str]:
    source = inspect.getsource(module)
    by_line = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    found = {}
    for owner in ast.parse(source).body:
        if not isinstance(owner, ast.ClassDef):
            continue
        for field in owner.body:
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                text = by_line.get(field.end_lineno or field.lineno) or by_line.get(
                    field.lineno - 1, ""
                )
                found[owner.name, field.target.id] = text
    return found
