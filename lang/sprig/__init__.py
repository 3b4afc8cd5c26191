"""sprig 3.3: the functions of Go templates in Argo Events and of `sprig.…` in expressions.

Owns one registry, `FUNCTIONS`, put together from one table a file; `registry` says how a function
is written down. Not there, because a manifest must mean the same everywhere and reach nothing:
env, expandenv, getHostByName, and the functions that make keys and certificates. Callers:
`lang.gotemplate`, `lang.expr.functions`.
"""

from __future__ import annotations

from collections.abc import Mapping

from lang.sprig import (
    constraints,
    dates,
    dicts,
    encoding,
    lists,
    numbers,
    paths,
    randoms,
    reflection,
    regexes,
    texts,
    urls,
)
from lang.sprig.registry import Function

FUNCTIONS: Mapping[str, Function] = {
    **texts.TABLE,
    **numbers.TABLE,
    **lists.TABLE,
    **dicts.TABLE,
    **encoding.TABLE,
    **regexes.TABLE,
    **dates.TABLE,
    **paths.TABLE,
    **urls.TABLE,
    **constraints.TABLE,
    **reflection.TABLE,
    **randoms.TABLE,
}

__all__ = ["FUNCTIONS", "Function"]
