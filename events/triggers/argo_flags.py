"""The flags of Argo's command line that an `argoWorkflow` trigger's `args` may hold.

A flag that means nothing to the operation is refused, not passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from crds import submission
from crds.submission import Options, SubmissionError

_SWITCHES = {"--memoized": "memoized", "--restart-successful": "restart_successful"}
_SHORT = {"-p": "--parameter", "-l": "--labels"}
_OF_NEW = frozenset({"--parameter", "--labels", "--entrypoint", "--name", "--generate-name"}) | {
    "--serviceaccount",
    "--priority",
}
_OF: dict[str, frozenset[str]] = {
    "submit": _OF_NEW,
    "submit-from": _OF_NEW,
    "resubmit": _OF_NEW | {"--memoized"},
    "retry": frozenset({"--parameter", "--restart-successful", "--node-field-selector"}),
    "stop": frozenset({"--node-field-selector", "--message"}),
    "resume": frozenset({"--node-field-selector"}),
    "suspend": frozenset(),
    "terminate": frozenset(),
}
_OF_MEMOIZED = frozenset({"--memoized", "--parameter", "--name"})
_ALL = frozenset().union(*_OF.values())


@dataclass(frozen=True, slots=True)
class Flags:
    """What `args` say. `options` are for new Workflows; `parameters` are `NAME=VALUE`."""

    options: Options = field(default_factory=Options)
    parameters: tuple[str, ...] = ()
    memoized: bool = False
    restart_successful: bool = False
    node_fields: str = ""
    message: str = ""


def parse(args: Sequence[str], operation: str) -> Flags:
    """Raises SubmissionError for a flag that `operation` does not know, or a senseless value."""
    pairs = [(_SHORT.get(flag, flag), value) for flag, value in _pairs(args)]
    _check(pairs, operation)
    given: dict[str, str] = {}
    labels: dict[str, str] = {}
    fields: dict[str, Any] = {}
    more: dict[str, Any] = {}
    for flag, value in pairs:
        match flag:
            case "--parameter":
                name, text = submission.parse_parameter(value)
                given[name] = text
            case "--labels":
                labels |= submission.parse_labels(value)
            case "--entrypoint" | "--name":
                fields[flag[2:]] = value
            case "--generate-name":
                fields["generate_name"] = value
            case "--serviceaccount":
                fields["service_account"] = value
            case "--priority":
                if not value.lstrip("-").isdecimal():
                    raise SubmissionError(f"--priority: {value!r} is no number")
                fields["priority"] = int(value)
            case "--node-field-selector":
                more["node_fields"] = value
            case "--message":
                more["message"] = value
            case _:
                if value not in ("true", "false"):
                    raise SubmissionError(f"{flag}: {value!r} is neither true nor false")
                more[_SWITCHES[flag]] = value == "true"
    parameters = tuple(f"{name}={text}" for name, text in given.items())
    return Flags(Options(parameters=given, labels=labels, **fields), parameters, **more)


def _check(pairs: Sequence[tuple[str, str]], operation: str) -> None:
    memoized = ("--memoized", "true") in pairs
    for flag, _ in pairs:
        if flag not in _ALL:
            raise SubmissionError(f"unknown flag {flag}")
        if flag not in _OF[operation]:
            raise SubmissionError(f"{flag} means nothing to {operation}")
        if memoized and flag not in _OF_MEMOIZED:
            raise SubmissionError(f"{flag} does not go with --memoized")


def _pairs(args: Sequence[str]) -> Iterator[tuple[str, str]]:
    rest = iter(args)
    for arg in rest:
        flag, equals, value = str(arg).partition("=")
        if not flag.startswith("-"):
            raise SubmissionError(f"unexpected argument {arg!r}")
        if not flag.startswith("--") and len(flag) > 2:
            yield flag[:2], str(arg)[2:]
            continue
        if not equals:
            value = "true" if flag in _SWITCHES else str(next(rest, ""))
        yield flag, value
