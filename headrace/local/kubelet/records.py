"""Where a pod's files are, and the two records that every run leaves there.

    pods/<uid>/containers/<name>/<attempt>/{start,exit,result,termination-log,root/}
    pods/<uid>/{volumes/<name>/,inputs/<n>,…}
    logs/<namespace>_<pod>_<uid>/<container>/<attempt>.log

Shims write `start` and `exit`; the kubelet reads them, so that what a run did is known whoever
was alive meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace.local.kubelet import descendants
from kube.cluster import Object


@dataclass(frozen=True, slots=True)
class Start:
    """Who runs: the container's process and its shim, each with its start time."""

    pid: int
    ticks: int
    shim: int
    shim_ticks: int
    started_at: float

    def alive(self) -> bool:
        """Whether the shim still watches."""
        return descendants.start_ticks(self.shim) == self.shim_ticks


@dataclass(frozen=True, slots=True)
class Exit:
    """How a run ended. `error` and `reason` say why it never started, else they are empty."""

    code: int
    signal: int
    oom: bool
    started_at: float
    finished_at: float
    reason: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class RunPaths:
    """The files of one run of one container."""

    folder: Path
    logs: Path
    attempt: int

    @property
    def root(self) -> Path:
        """The container's own root folder."""
        return self.folder / "root"

    @property
    def log(self) -> Path:
        """The current log file."""
        return self.logs / f"{self.attempt}.log"

    @property
    def termination_log(self) -> Path:
        """What appears at terminationMessagePath."""
        return self.folder / "termination-log"

    def start(self) -> Start | None:
        """The start record; None when there is none yet, or it is not complete."""
        fields = _load(self.folder / "start")
        return None if fields is None else start_of(fields)

    def exit(self) -> Exit | None:
        """The exit record, if the run has ended."""
        fields = _load(self.folder / "exit")
        if fields is None:
            return None
        return Exit(
            fields["exitCode"],
            fields["signal"],
            fields["oom"],
            fields["startedAt"],
            fields["finishedAt"],
            fields.get("reason", ""),
            fields.get("error", ""),
        )

    def fence(self) -> bool:
        """Claim a run that has no start record; False when a shim was faster."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            descriptor = os.open(self.folder / "start", os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            return False
        os.close(descriptor)
        return True


def start_of(fields: dict[str, Any]) -> Start:
    """From a start record's JSON."""
    return Start(
        fields["pid"],
        fields["ticks"] or 0,
        fields["shim"],
        fields["shimTicks"] or 0,
        fields["startedAt"],
    )


class Folders:
    """The kubelet's folders below its data folder."""

    def __init__(self, data_dir: Path) -> None:
        self.pods = data_dir / "pods"
        self.logs = data_dir / "logs"
        self.claims = data_dir / "claims"

    def prepare(self) -> None:
        """Make them, for the owner alone."""
        for folder in (self.pods, self.logs, self.claims):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def pod(self, uid: str) -> Path:
        """A pod's folder."""
        return self.pods / uid

    def pod_logs(self, pod: Object) -> Path:
        """A pod's log folder, named as on a node."""
        meta = pod["metadata"]
        return self.logs / f"{meta['namespace']}_{meta['name']}_{meta['uid']}"

    def run(self, pod: Object, container: str, attempt: int) -> RunPaths:
        """The files of one run."""
        folder = self.pod(pod["metadata"]["uid"]) / "containers" / container / str(attempt)
        return RunPaths(folder, self.pod_logs(pod) / container, attempt)

    def last_attempt(self, pod: Object, container: str) -> int | None:
        """The number of the newest run on disk."""
        folder = self.pod(pod["metadata"]["uid"]) / "containers" / container
        return last_number(folder)

    def uids(self) -> list[str]:
        """The pods that have a folder."""
        return [entry.name for entry in os.scandir(self.pods) if entry.is_dir()]

    def runs(self, uid: str) -> Iterator[RunPaths]:
        """Every run of a pod that is on disk, whatever its pod object says."""
        for folder in self.pod(uid).glob("containers/*/*"):
            if folder.name.isdigit():
                yield RunPaths(folder, self.logs, int(folder.name))


def last_number(folder: Path) -> int | None:
    """The largest numbered sub-folder."""
    with contextlib.suppress(FileNotFoundError):
        return max((int(e.name) for e in os.scandir(folder) if e.name.isdigit()), default=None)
    return None


def _load(path: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(path.read_bytes()))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
