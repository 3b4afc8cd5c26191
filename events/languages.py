"""The languages of `lang` that may be missing: found by name when first used.

jq and Lua need the `scripts` extra. A missing one becomes an error of the field that uses it,
never of the process.
"""

from __future__ import annotations

import functools
import importlib
from types import ModuleType

from lang.errors import ErrorKind, LangError

_EXTRAS = {"jq": "scripts", "lua": "scripts"}


@functools.cache
def language(name: str) -> ModuleType:
    """The module `lang.<name>`. Raises LangError(UNAVAILABLE)."""
    try:
        return importlib.import_module(f"lang.{name}")
    except ImportError as error:
        extra = _EXTRAS.get(name)
        remedy = f": pip install 'headrace[{extra}]'" if extra else ""
        what = f"the language {name} is not available{remedy}"
        raise LangError(ErrorKind.UNAVAILABLE, what) from error
