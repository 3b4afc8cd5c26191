"""The flags of Argo's command line that an `argoWorkflow` trigger's `args` may hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from crds import submission
from crds.submission import Options, SubmissionError

_SWITCHES = {"--memoized": "memoized", "--restart-successful": "restart_successful"}


@dataclass(frozen=True, slots=True)
class Flags:
    """What `args` say. `options` are for new Workflows; `parameters` are `NAME=VALUE`."""

    options: Options = field(default_factory=Options)
    parameters: tuple[str, ...] = ()
    memoized: bool = False
    restart_successful: bool = False
    node_fields: str = ""


def parse(args: Sequence[str]) -> Flags:
    """Raises SubmissionError for a flag that is not known or a value that makes no sense."""
    given: dict[str, str] = {}
    labels: dict[str, str] = {}
    fields: dict[str, Any] = {}
    more: dict[str, Any] = {}
    for flag, value in _pairs(args):
        match flag:
            case "-p" | "--parameter":
                name, text = submission.parse_parameter(value)
                given[name] = text
            case "-l" | "--labels":
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
            case "--memoized" | "--restart-successful":
                if value not in ("true", "false"):
                    raise SubmissionError(f"{flag}: {value!r} is neither true nor false")
                more[_SWITCHES[flag]] = value == "true"
            case _:
                raise SubmissionError(f"unknown flag {flag}")
    parameters = tuple(f"{name}={text}" for name, text in given.items())
    return Flags(Options(parameters=given, labels=labels, **fields), parameters, **more)


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
