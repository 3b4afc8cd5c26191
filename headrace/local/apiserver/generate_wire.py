"""`python -m headrace.local.apiserver.generate_wire API APIMACHINERY`: the protobuf field numbers.

Reads the `generated.proto` files of the Go modules k8s.io/api and k8s.io/apimachinery (as
`go mod download -json` places them) and keeps only names, numbers and types. Run it when a newer
kubectl sends a kind that the table does not have; the result is committed.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

TARGET = Path(__file__).parent / "data" / "wire.json"
FILES = (
    "core/v1",
    "authentication/v1",
    "authorization/v1",
    "coordination/v1",
    "events/v1",
    "policy/v1",
    "rbac/v1",
    "scheduling/v1",
)
META = "pkg/apis/meta/v1/generated.proto"
ROOTS = [
    "v1/ConfigMap",
    "v1/Secret",
    "v1/Namespace",
    "v1/ServiceAccount",
    "v1/Service",
    "v1/Pod",
    "v1/Event",
    "v1/PersistentVolumeClaim",
    "v1/ResourceQuota",
    "v1/LimitRange",
    "v1/Binding",
    "v1/Node",
    "coordination/Lease",
    "events/Event",
    "policy/PodDisruptionBudget",
    "policy/Eviction",
    "rbac/Role",
    "rbac/RoleBinding",
    "rbac/ClusterRole",
    "rbac/ClusterRoleBinding",
    "scheduling/PriorityClass",
    "authentication/TokenRequest",
    "authentication/SelfSubjectReview",
    "authentication/TokenReview",
    "authorization/SelfSubjectAccessReview",
    "authorization/SelfSubjectRulesReview",
    "authorization/SubjectAccessReview",
    "meta/DeleteOptions",
]
MESSAGE = re.compile(r"^message (\w+) \{(.*?)^\}", re.MULTILINE | re.DOTALL)
FIELD = re.compile(
    r"^\s*(optional|repeated)?\s*(map<string, ([\w.]+)>|[\w.]+)\s+(\w+) = (\d+);", re.MULTILINE
)
SCALARS = {"string", "bool", "bytes", "int32", "int64", "double"}
SPECIAL = {"Time", "MicroTime", "Quantity", "IntOrString", "FieldsV1", "RawExtension", "Duration"}


def read(path: Path, package: str) -> dict[str, dict[str, str]]:
    """The messages of one file: field number to `name kind`."""
    found = {}
    for name, body in MESSAGE.findall(path.read_text()):
        fields = {}
        for repeated, written, mapped, field, number in FIELD.findall(body):
            kind = _kind(mapped or written, package)
            prefix = "{}" if mapped else "[]" if repeated == "repeated" else ""
            fields[number] = f"{field} {prefix}{kind}"
        found[f"{package}/{name}"] = fields
    return found


def _kind(written: str, package: str) -> str:
    if written in SCALARS:
        return written
    *path, name = written.split(".")
    if name in SPECIAL:
        return name
    if "meta" in path:
        return f"meta/{name}"
    if len(path) > 2:
        return f"v1/{name}" if path[-2] == "core" else f"{path[-2]}/{name}"
    return f"{package}/{name}"


def main() -> None:
    """Write what can be reached from the kinds that clients send."""
    api, machinery = Path(sys.argv[1]), Path(sys.argv[2])
    every = read(machinery / META, "meta")
    for folder in FILES:
        package = "v1" if folder == "core/v1" else folder.partition("/")[0]
        every |= read(api / folder / "generated.proto", package)
    kept: dict[str, dict[str, str]] = {}
    waiting = list(ROOTS)
    while waiting:
        name = waiting.pop()
        if name in kept or name not in every:
            continue
        kept[name] = every[name]
        waiting += [written.split(" ")[1].lstrip("[]{}") for written in every[name].values()]
    TARGET.write_text(json.dumps(kept, separators=(",", ":"), sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
