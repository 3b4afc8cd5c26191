"""Go templates, and data filters that use one."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from lang import gojson, gotemplate

Case = dict[str, Any]


def _data(case: Case) -> Any:
    return {"Input": gojson.plain_floats(json.loads(case["data"]))}


OPS: dict[str, Callable[[Case], Case]] = {
    "template": lambda c: {"result": gotemplate.value(c["template"], _data(c))},
    "rawtemplate": lambda c: {"result": gotemplate.compile(c["template"]).render(_data(c))},
}
