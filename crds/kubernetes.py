"""The types of Kubernetes itself that appear inside Argo's kinds: which fields they have.

The table (`crds/data/kubernetes.json`, generated) has one text per field: `string`, `boolean`,
`int32`, `int64`, `number`, `quantity`, `intOrString`, `time`, `json`, or the name of another
type; `[]` before it makes a list, `{}` a map, and a `!` behind it says the field is required.
Used by decoding (unknown fields, wrong types) and by the CRD generator (schemas).
"""

from __future__ import annotations

import functools
from importlib import resources

import msgspec

Table = dict[str, dict[str, str]]


@functools.cache
def table() -> Table:
    """All types. Read once, on first use."""
    text = resources.files("crds").joinpath("data/kubernetes.json").read_bytes()
    return msgspec.json.decode(text, type=Table)


def fields(kind: str) -> dict[str, str]:
    """The fields of one type, by their JSON names."""
    return table()[kind]
