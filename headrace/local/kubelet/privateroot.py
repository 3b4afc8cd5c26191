"""A root directory of its own for one container, made of the host's folders.

`plan` is pure but for looking at the host; `build` runs inside a new mount namespace, in a shim
(standard library only). The root is a plain folder on disk: the host's top-level folders are
bound into it, /tmp and /dev are its own, and whatever is written beside them stays in it. A mount
target that the host does not have never touches the host: its parents become folders of the
root whose entries are bound one by one.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from headrace.local.kubelet import syscalls

OWN = ("/tmp", "/dev")  # noqa: S108 - names inside the container
DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "fuse", "kvm", "kfd")
DEVICE_PREFIXES = ("nvidia", "dri", "video")
DEVICE_LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
}


class Bind(NamedTuple):
    """`source` on the host appears at `target` (absolute, without symlinks) in the container."""

    source: str
    target: str
    read_only: bool


class RootPlan(NamedTuple):
    """`private` are the folders of the root that are its own, parents before children."""

    root: str
    private: tuple[str, ...]
    binds: tuple[Bind, ...]


def plan(root: str, binds: Iterable[Bind]) -> RootPlan:
    """Resolve targets through the host's symlinks and find which folders must be private."""
    resolved = [Bind(b.source, host_resolved(b.target), b.read_only) for b in binds]
    ordered = sorted(resolved, key=lambda b: b.target.count("/") if b.target != "/" else 0)
    private: set[str] = {"/"}
    targets: list[str] = []
    for item in ordered:
        inside = any(item.target.startswith(t + "/") for t in targets)
        if not inside and not (os.path.lexists(item.target) and _same_type(item)):
            private.update(_parents(item.target))
        targets.append(item.target)
    return RootPlan(root, tuple(sorted(private)), tuple(ordered))


def _same_type(item: Bind) -> bool:
    return os.path.isdir(item.source) == os.path.isdir(item.target)


def _parents(path: str) -> Iterable[str]:
    while path != "/":
        path = os.path.dirname(path)
        yield path


def host_resolved(path: str) -> str:
    """`path` without dots and symlinks, as the host has them; below /tmp and /dev, as written."""
    clean = os.path.normpath("/" + path.lstrip("/"))
    if any(clean == own or clean.startswith(own + "/") for own in OWN):
        return clean
    return os.path.realpath(clean)


def build(made: RootPlan) -> None:
    """Assemble the root and move into it. The caller is alone in a new mount namespace."""
    root = made.root
    os.makedirs(root, mode=0o755, exist_ok=True)
    syscalls.bind(root, root)
    targets = {b.target for b in made.binds}
    _populate("/", root, set(made.private), targets)
    _devices(root)
    for item in made.binds:
        _place(root, item)
    for item in made.binds:
        if item.read_only:
            syscalls.make_read_only(root + item.target)
    os.chmod(root + OWN[0], 0o1777)  # noqa: S103 - as every /tmp
    syscalls.pivot_root(root)


def _populate(folder: str, root: str, private: set[str], targets: set[str]) -> None:
    for entry in os.scandir(folder):
        path = entry.path
        here = root + path
        if path in OWN:
            os.makedirs(here, exist_ok=True)
        elif entry.is_symlink():
            os.symlink(os.readlink(path), here)
        elif path in private and entry.is_dir():
            os.mkdir(here)
            _populate(path, root, private, targets)
        elif path not in targets:
            _bind_entry(path, here, is_folder=entry.is_dir())
    if folder == "/":
        for own in OWN:
            os.makedirs(root + own, exist_ok=True)


def _bind_entry(path: str, here: str, *, is_folder: bool) -> None:
    try:
        _point(here, is_folder=is_folder)
        syscalls.bind(path, here)
    except PermissionError:
        return  # what we may not see, the container does not see either


def _point(path: str, *, is_folder: bool) -> None:
    """A place to mount on."""
    if is_folder:
        os.makedirs(path, exist_ok=True)
    elif not os.path.lexists(path):
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o666))


def _devices(root: str) -> None:
    folder = root + "/dev"
    for name in os.listdir("/dev"):
        if name in DEVICES or name.startswith(DEVICE_PREFIXES):
            is_folder = stat.S_ISDIR(os.stat(f"/dev/{name}").st_mode)
            _bind_entry(f"/dev/{name}", f"{folder}/{name}", is_folder=is_folder)
    if os.path.isdir("/dev/pts"):
        _bind_entry("/dev/pts", folder + "/pts", is_folder=True)
    os.makedirs(folder + "/shm", exist_ok=True)
    os.chmod(folder + "/shm", 0o1777)  # noqa: S103 - as every /dev/shm
    for name, target in DEVICE_LINKS.items():
        os.symlink(target, f"{folder}/{name}")


def _place(root: str, item: Bind) -> None:
    here = root + item.target
    if not os.path.lexists(here):
        os.makedirs(os.path.dirname(here), exist_ok=True)
        _point(here, is_folder=os.path.isdir(item.source))
    syscalls.bind(item.source, here)


def from_json(value: Sequence[object]) -> RootPlan:
    """What `json` makes of a RootPlan, as a RootPlan again."""
    root, private, binds = value
    assert isinstance(private, list)
    assert isinstance(binds, list)
    return RootPlan(str(root), tuple(private), tuple(Bind(*b) for b in binds))
