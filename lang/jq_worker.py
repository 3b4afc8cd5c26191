"""jq inside the worker process: the library's dialect brought close to gojq's.

Documents and outputs are JSON texts, so that numbers keep the digits they have.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from lang.errors import ErrorKind, LangError

_FORBIDDEN = re.compile(r"(?:^|[;|(\s])(import|include)\s+[\"']|(\$__loc__|\$__prog_args)\b")
_MAX_OUTPUTS = 1_000_000
_CACHED = 512

_ABSENT = ("input_filename", "debug", "stderr", "get_search_list", "have_decnum", "inputs", "input")

# Where gojq answers otherwise; a definition sees what was defined before it.
_DIALECT = (
    " ".join(f'def {name}: error("function not defined: {name}/0");' for name in _ABSENT)
    + r"""
def have_literal_numbers: error("function not defined: have_literal_numbers/0");
def debug($m): error("function not defined: debug/1");
def gamma: tgamma;
def _hr_split($s): split($s);
def split($s): if . == "" and ($s | type) == "string" and $s != "" then [""] else _hr_split($s) end;
def _hr_reverse: reverse;
def reverse: if . == null or type == "object" then error("reverse cannot be applied to: \(type)")
  else _hr_reverse end;
def _hr_abs: abs;
def abs: if type == "number" then _hr_abs else error("abs cannot be applied to: \(type)") end;
def _hr_tonumber: tonumber;
def tonumber: if . == "nan" then error("tonumber cannot be applied to \"nan\": invalid number")
  else _hr_tonumber end;
def keys_unsorted: keys;
def to_entries: [keys[] as $k | {key: $k, value: .[$k]}];
def with_entries(f): to_entries | map(f) | from_entries;
def _hr_each: if type == "object" then .[keys[]] else .[] end;
def map(f): [_hr_each | f];
def add: reduce _hr_each as $x (null; . + $x);
def recurse: recurse(_hr_each?);
def _hr_tojson: tojson;
def _hr_sorted:
  if type == "object" then . as $o | reduce keys[] as $k ({}; .[$k] = ($o[$k] | _hr_sorted))
  elif type == "array" then map(_hr_sorted)
  elif type == "number" and (_hr_tojson | contains(".") or contains("E")) then . + 0
  else . end;
def tojson: _hr_sorted | _hr_tojson;
def tostring: if type == "string" then . else tojson end;
def _hr_strftime($f): strftime($f);
def strftime($f): if ($f | type) == "string" then _hr_strftime($f | gsub("%Z"; "UTC"))
  else _hr_strftime($f) end;
def _hr_fromdate: fromdateiso8601;
def fromdateiso8601:
  if type == "string" and test("[+-][0-9]{2}:?[0-9]{2}$")
  then capture("^(?<t>.*)(?<s>[+-])(?<h>[0-9]{2}):?(?<m>[0-9]{2})$")
    | (.t + "Z" | _hr_fromdate) - ("\(.s)1" | _hr_tonumber)
      * ((.h | _hr_tonumber) * 3600 + (.m | _hr_tonumber) * 60)
  else _hr_fromdate end;
def fromdate: fromdateiso8601;
def _hr_output: _hr_tojson as $text
  | if ($text | contains("null")) and . != ($text | fromjson)
    then error("json: unsupported value: NaN") else $text end;
"""
)


def outputs(program: str, document: str, action: str) -> list[str]:
    """The first or all outputs as JSON texts. Raises LangError."""
    forbidden = _FORBIDDEN.search(program)
    if forbidden:
        module, variable = forbidden.groups()
        text = "cannot load module" if module else f"variable not defined: {variable}"
        raise LangError(ErrorKind.NAME, text)
    found: list[str] = []
    try:
        for text in _compiled(program, action).input_text(document):
            found.append(text)
            if len(found) > _MAX_OUTPUTS:
                break
    except (ValueError, StopIteration) as error:
        raise LangError(ErrorKind.VALUE, _runtime(str(error))) from None
    return found


@functools.lru_cache(maxsize=_CACHED)
def _compiled(program: str, action: str) -> Any:
    import jq

    wanted = f"({program}\n)" if action == "all" else f"first({program}\n)"
    try:
        jq.compile(program)  # alone: it must not end the parenthesis around it
        return jq.compile(f"{_DIALECT} {wanted} | _hr_output")
    except ValueError as error:
        raise LangError(ErrorKind.SYNTAX, _syntax(str(error))) from None


def _syntax(message: str) -> str:
    unknown = re.search(r"([\w:$]+/\d+) is not defined", message)
    if unknown:
        return f"function not defined: {unknown.group(1)}"
    variable = re.search(r"\$(\w+) is not defined", message)
    if variable:
        return f"variable not defined: ${variable.group(1)}"
    if "unexpected end" in message or "unexpected $end" in message or "Unfinished" in message:
        return "unexpected EOF"
    return message.split("\n")[0]


def _runtime(message: str) -> str:
    index = re.match(r'Cannot index (\w+) with "', message)
    if index:
        return f"expected an object but got: {index.group(1)}"
    return message
