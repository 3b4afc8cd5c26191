"""The kubectl arguments of resource templates (`flags`) that mean something without kubectl.

An argument that is not understood is an error, never ignored: it might have been the one that
made the command harmless.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from engine.executors.inprocess import LeafFailed

_VALUED = {
    "-n": "namespace",
    "--namespace": "namespace",
    "-l": "selector",
    "--selector": "selector",
    "--field-selector": "fields",
    "--grace-period": "grace",
    "--cascade": "cascade",
    "--type": "type",
    "-p": "patch",
    "--patch": "patch",
}
_PROPAGATION = {"background": "Background", "foreground": "Foreground", "orphan": "Orphan"}
_HARMLESS = frozenset(
    {"--ignore-not-found", "--wait", "--force", "--overwrite", "--server-side", "--validate"}
)
"""What this engine does anyway, or what changes only what kubectl prints."""


@dataclass(slots=True)
class Flags:
    """`names`: positional arguments, such as `configmap my-map` or `deployment/web`."""

    names: list[str] = field(default_factory=list)
    namespace: str = ""
    selector: str = ""
    fields: str = ""
    grace: int | None = None
    propagation: str = "Background"
    patch_type: str = ""
    patch: str = ""
    everything: bool = False
    no_wait: bool = False


def parse(arguments: Sequence[str]) -> Flags:
    """Raises LeafFailed for an argument that is not supported."""
    found = Flags()
    rest = iter([str(argument) for argument in arguments])
    for argument in rest:
        name, glued, value = argument.partition("=")
        if not argument.startswith("-"):
            found.names.append(argument)
        elif argument == "--all":
            found.everything = True
        elif argument == "--wait=false":
            found.no_wait = True
        elif name in _HARMLESS:
            continue
        elif name in _VALUED:
            _set(found, _VALUED[name], value if glued else _following(rest, name))
        else:
            raise LeafFailed(f"resource.flags: {name} is not supported")
    return found


def _following(rest: Iterator[str], name: str) -> str:
    value = next(rest, None)
    if value is None:
        raise LeafFailed(f"resource.flags: {name} needs a value")
    return value


def _set(found: Flags, what: str, value: str) -> None:
    match what:
        case "namespace":
            found.namespace = value
        case "selector":
            found.selector = value
        case "fields":
            found.fields = value
        case "type":
            found.patch_type = value
        case "patch":
            found.patch = value
        case "grace":
            try:
                found.grace = int(value)
            except ValueError:
                raise LeafFailed("resource.flags: --grace-period needs a number") from None
        case _:
            if value not in _PROPAGATION:
                raise LeafFailed(f"resource.flags: --cascade={value} is not supported")
            found.propagation = _PROPAGATION[value]


def targets(found: Flags) -> tuple[str, list[str]]:
    """The resource that the positional arguments name, and the names of objects."""
    if not found.names:
        raise LeafFailed("Must provide at least one of flags or manifest.")
    first, *others = found.names
    if "/" in first:
        kind, _, name = first.partition("/")
        return kind, [name, *(other.partition("/")[2] or other for other in others)]
    return first, others
