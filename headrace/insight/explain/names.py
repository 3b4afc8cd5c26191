"""The names of the kinds, as kubectl takes them: kind, plural, singular, short name."""

from __future__ import annotations

import difflib

from crds.generate import manifests
from crds.generate.manifests import DEFINITIONS, Definition


class UnknownName(ValueError):
    """A kind, version or field that does not exist; the text says what is near."""


def find(name: str, api_version: str = "") -> Definition:
    """The kind called `name`, in any case. Raises UnknownName."""
    served = f"{manifests.GROUP}/{manifests.VERSION}"
    if api_version and api_version != served:
        raise UnknownName(f'no API version "{api_version}"; the kinds are those of {served}')
    known = {each: kind for kind in DEFINITIONS for each in names_of(kind)}
    wanted = name.lower()
    if wanted in known:
        return known[wanted]
    near = difflib.get_close_matches(wanted, known, n=1, cutoff=0.6)
    if near:
        raise UnknownName(f'no kind "{name}"; did you mean "{known[near[0]].kind.__name__}"?')
    listed = ", ".join(each.kind.__name__ for each in DEFINITIONS)
    raise UnknownName(
        f'no kind "{name}"; the kinds are {listed} (those of Kubernetes itself: `kubectl explain`)'
    )


def names_of(kind: Definition) -> list[str]:
    """Every name that stands for the kind, in lower case."""
    return [kind.kind.__name__.lower(), kind.plural, *kind.short]


def split(text: str) -> tuple[str, str]:
    """`KIND[.path]` as kind and path; `workflows.argoproj.io.spec` names the group too."""
    kind, _, path = text.strip().partition(".")
    group = manifests.GROUP
    if path == group or path.startswith(f"{group}."):
        path = path[len(group) + 1 :]
    return kind, path
