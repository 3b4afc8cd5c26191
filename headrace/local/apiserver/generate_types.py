"""`python -m headrace.local.apiserver.generate_types`: the table of the builtin kinds' types.

Read off the installed client's models, like the table of the types inside Argo's kinds. Run it
when the `kubernetes` package moves; the result is committed.
"""

from __future__ import annotations

import json
from pathlib import Path

from crds.generate import kubernetes_types

ROOTS = (
    "Namespace Pod ConfigMap Secret ServiceAccount Service Lease Event PersistentVolumeClaim "
    "PersistentVolume ResourceQuota LimitRange PriorityClass PodDisruptionBudget Role "
    "RoleBinding ClusterRole ClusterRoleBinding Node"
)
TARGET = Path(__file__).parent / "data" / "kubernetes.json"
DECODED = {"Secret.data": "{}string", "ConfigMap.binaryData": "{}string"}


def table() -> dict[str, dict[str, str]]:
    """The types, each a map of fields in the grammar of `crds.kubernetes`."""
    found = kubernetes_types.reachable(ROOTS.split())
    for place, kind in DECODED.items():
        name, field = place.split(".")
        found[name][field] = kind
    for fields in found.values():
        fields.pop("managedFields", None)
    return found


def main() -> None:
    """Write the table."""
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(json.dumps(table(), separators=(",", ":"), sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
