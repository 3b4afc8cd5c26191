"""What Kubernetes' own fields mean, in the words of the installed client's models.

The client is imported on first use only (it is slow to load). A client without described models
leaves the texts empty; nothing else is lost. Caller: `fields`.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from crds.generate import kubernetes_types

_CONTAINERS = ("ContainerNode", "UserContainer", "ScriptTemplate")
_OWN = {
    "ContainerNode.dependencies": "Containers of the same set that must end well before this one.",
    "UserContainer.mirrorVolumeMounts": "Mount what the main container mounts, at the same paths.",
    "ScriptTemplate.source": "Text of the script; written to a file and given to `command`.",
    "ScriptTemplate.name": "Not used: the container is called main.",
}
"""Fields that Argo adds to Kubernetes' containers."""
_TYPES = {
    "ContainerNode": "One container of a set.",
    "UserContainer": "A container beside the main one.",
    "ScriptTemplate": "A container that runs the script in `source`.",
}


def of_type(name: str) -> str:
    """The meaning of a type."""
    if name in _TYPES:
        return _TYPES[name]
    model = _model(name)
    doc = (getattr(model, "__doc__", "") or "").partition("Attributes:")[0]
    return _plain(doc)


def of_field(name: str, field: str) -> str:
    """The meaning of a field of the type `name`."""
    own = _OWN.get(f"{name}.{field}")
    return own if own is not None else _descriptions(name).get(field, "")


@functools.cache
def _descriptions(name: str) -> dict[str, str]:
    model = _model(name)
    found = {}
    for attribute, info in getattr(model, "model_fields", {}).items():
        json_name = getattr(info, "alias", None) or attribute
        found[json_name] = _plain(getattr(info, "description", None) or "")
    for attribute, json_name in getattr(model, "attribute_map", {}).items():
        for spelling in (attribute, f"var{attribute}", f"var_{attribute}", f"{attribute}_"):
            if spelling in found:
                found.setdefault(json_name, found[spelling])
    return found


def _model(name: str) -> Any:
    known = "Container" if name in _CONTAINERS else name
    try:
        return kubernetes_types.model(known)
    except (ImportError, LookupError):
        return None


def _plain(text: str) -> str:
    """One line, without what the client's generator adds."""
    return re.sub(r"\s+", " ", text).strip()
