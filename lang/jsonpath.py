"""JSONPath twice: kubectl's templates (`{.a.b[?(@.x=="y")].z}`) and plain `$.a[0].b`.

`render` owns kubectl's form, used by resource outputs and printer columns: text with `{…}`
expressions, `range`/`end`, unions, slices, filters, `..`. `find` is for `dataKey`s that start with
`$`, through jsonpath-ng. Both cache what they compile.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any

from lang import jsonpath_kubectl
from lang.errors import DEFAULT_LIMITS, ErrorKind, LangError


def find(document: Any, path: str) -> list[Any]:
    """Every value at a `$…` path. Raises LangError(SYNTAX, VALUE)."""
    compiled = _compiled(path)
    try:
        return [match.value for match in compiled.find(document)]
    except NotImplementedError:  # operators that jsonpath-ng parses and cannot apply
        message = f"JSONPath {path!r}: not supported"
        raise LangError(ErrorKind.VALUE, message, 0) from None
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise LangError(ErrorKind.VALUE, f"JSONPath {path!r}: {error}", 0) from error


@functools.lru_cache(maxsize=1024)
def _compiled(path: str) -> Any:
    if len(path) > DEFAULT_LIMITS.source:
        raise LangError(ErrorKind.LIMIT, "path is too long", 0)
    from jsonpath_ng.exceptions import JSONPathError
    from jsonpath_ng.ext.parser import ExtendedJsonPathParser

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of operators nobody may miss
            return ExtendedJsonPathParser().parse(path)
    except (JSONPathError, AttributeError, ValueError, TypeError, RecursionError) as error:
        raise LangError(ErrorKind.SYNTAX, f"JSONPath {path!r}: {error}", 0) from error


def render(template: str, document: Any) -> str:
    """The text of a kubectl JSONPath template. Raises LangError(SYNTAX, VALUE)."""
    return jsonpath_kubectl.compiled(template).render(document)
