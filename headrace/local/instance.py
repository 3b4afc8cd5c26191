"""The state folder of an embedded cluster, and which one is running.

`D/instance.json` names the process and its address while it runs; `D/lock` is held by it, so a
second `up` on the same folder is refused and a stale file is never believed. A pointer in the
user's state folder names the folder that was started last.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


class InstanceError(OSError):
    """The folder cannot be used; the text is a sentence with the way out."""


@dataclass(frozen=True, slots=True)
class Instance:
    """A running embedded cluster. `url` is the API server's address."""

    data_dir: Path
    pid: int
    url: str

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig with the cluster's CA and token (0600)."""
        return self.data_dir / "kubeconfig"


def default_data_dir() -> Path:
    """`$XDG_DATA_HOME/headrace`, usually ~/.local/share/headrace."""
    root = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(root) / "headrace"


def _pointer() -> Path:
    root = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(root) / "headrace" / "current"


def prepare(data_dir: Path) -> None:
    """Make the folder, private to its owner. Raises InstanceError when it cannot be written."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = data_dir / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        raise InstanceError(
            f"cannot write to {data_dir} ({reason}); choose another folder with --data-dir"
        ) from error


@contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Hold the folder for this process. Raises InstanceError when another one holds it."""
    descriptor = os.open(data_dir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InstanceError(
                f"headrace already runs on {data_dir}; "
                f"stop it with: headrace down --data-dir {data_dir}"
            ) from error
        yield
    finally:
        os.close(descriptor)


def record(instance: Instance) -> None:
    """Make a running instance findable by other commands."""
    fields: dict[str, Any] = {**asdict(instance), "data_dir": str(instance.data_dir)}
    _write(instance.data_dir / "instance.json", json.dumps(fields))
    with contextlib.suppress(OSError):  # a read-only home: --data-dir still finds it
        _pointer().parent.mkdir(parents=True, exist_ok=True)
        _write(_pointer(), str(instance.data_dir))


def forget(data_dir: Path) -> None:
    """The instance on this folder has ended."""
    (data_dir / "instance.json").unlink(missing_ok=True)


def running(data_dir: Path | None = None) -> Instance | None:
    """The instance on `data_dir` (default: started last, else the default folder), if alive."""
    for folder in [data_dir] if data_dir else _candidates():
        try:
            fields = json.loads((folder / "instance.json").read_text())
            found = Instance(folder, int(fields["pid"]), str(fields["url"]))
        except (OSError, ValueError, KeyError):
            continue
        if _held(folder):
            return found
    return None


def _candidates() -> list[Path]:
    candidates = [default_data_dir()]
    with contextlib.suppress(OSError):
        candidates.insert(0, Path(_pointer().read_text().strip()))
    return candidates


def _held(data_dir: Path) -> bool:
    try:
        with locked(data_dir):
            return False
    except InstanceError:
        return True
    except OSError:
        return False


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.replace(path)
