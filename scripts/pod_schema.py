"""Print lang/pod_schema_table.py from a Kubernetes OpenAPI document.

Usage: pod_schema.py DEFINITIONS.json VERSION > lang/pod_schema_table.py

DEFINITIONS holds OpenAPI v2 definitions (`definitions` of `kubectl get --raw /openapi/v2`, or the
`$defs` of a JSON-schema dump of it) with the `x-kubernetes-patch-*` extensions. Everything that a
PodSpec and its ObjectMeta reach is written, in the short notation that `lang.pod_schema` reads.
"""

from __future__ import annotations

import json
import sys
import textwrap
from pathlib import Path
from typing import Any

ROOTS = ("io.k8s.api.core.v1.PodSpec", "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")
LEAVES = {
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "intstr",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "time",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "any",
}
HEAD = '''"""The fields of a Kubernetes PodSpec and their merge keys. Generated: do not edit.

Made by `scripts/pod_schema.py` from the OpenAPI definitions of Kubernetes {version}. Notation, a
structure a paragraph: `field=type`, where a type is a scalar, a structure, `[element]` or
`{{value}}`; then `!` required, `~key` a list merged by that key (`~` alone: a set of scalars),
`+retainKeys`. Read by `lang.pod_schema`.
"""

TABLE = """\\
'''


def short(reference: str) -> str:
    return reference.rsplit("/", 1)[-1]


def notation(schema: dict[str, Any], wanted: list[str]) -> str:
    if "$ref" in schema:
        name = short(schema["$ref"])
        if name in LEAVES:
            return LEAVES[name]
        wanted.append(name)
        return name.rsplit(".", 1)[-1]
    kind = schema.get("type", "any")
    kind = next(k for k in kind if k != "null") if isinstance(kind, list) else kind
    if kind == "array":
        return f"[{notation(schema['items'], wanted)}]"
    if kind == "object":
        inner = schema.get("additionalProperties")
        return f"{{{notation(inner, wanted) if isinstance(inner, dict) else 'any'}}}"
    if kind == "integer":
        return str(schema.get("format", "int64"))
    return {"boolean": "bool"}.get(kind, kind)


def field(name: str, schema: dict[str, Any], required: set[str], wanted: list[str]) -> str:
    strategies = schema.get("x-kubernetes-patch-strategy", "").split(",")
    text = f"{name}={notation(schema, wanted)}"
    if name in required:
        text += "!"
    if "merge" in strategies:
        text += "~" + schema.get("x-kubernetes-patch-merge-key", "")
    return text + ("+retainKeys" if "retainKeys" in strategies else "")


def main() -> None:
    document = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    definitions = document.get("definitions") or document["$defs"]
    wanted, done = list(ROOTS), {}
    while wanted:
        name = wanted.pop()
        if name in done:
            continue
        schema = definitions[name]
        required = set(schema.get("required") or ())
        properties = schema.get("properties") or {}
        done[name] = [field(k, v, required, wanted) for k, v in sorted(properties.items())]
    print(HEAD.format(version=sys.argv[2]), end="")
    for name in sorted(done, key=lambda n: n.rsplit(".", 1)[-1]):
        head = f"{name.rsplit('.', 1)[-1]}: "
        print(
            textwrap.fill(
                head + " ".join(done[name]),
                99,
                subsequent_indent="  ",
                break_long_words=False,
                break_on_hyphens=False,
            )
        )
    print('"""')


main()
