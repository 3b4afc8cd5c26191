"""System calls that Python 3.11 does not have: namespaces, mounts, subreaper.

Owns nothing. Called by the zygote and its shims, which import nothing but the standard library
(they must fork fast), so this module does neither. Every failure is an OSError.
"""

from __future__ import annotations

import ctypes
import os
import platform

NEW_MOUNTS = 0x00020000
NEW_USER = 0x10000000
NAMESPACES = (  # in the order in which they are joined
    ("user", NEW_USER),
    ("ipc", 0x08000000),
    ("uts", 0x04000000),
    ("pid", 0x20000000),
    ("mnt", NEW_MOUNTS),
)
RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND = 1, 2, 4, 8, 32, 4096
RECURSIVE, PRIVATE, SLAVE = 0x4000, 0x40000, 0x80000
_DETACH = 2
_CHILD_SUBREAPER, _PARENT_DEATH_SIGNAL = 36, 1
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41, "armv7l": 218, "ppc64le": 203}
_KEPT_FLAGS = NOSUID | NODEV | NOEXEC

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def unshare(flags: int) -> None:
    """Leave the namespaces that `flags` names."""
    _checked(_libc.unshare(flags), "unshare")


def enter(descriptor: int, kind: int) -> None:
    """Join the namespace that `descriptor` refers to."""
    _checked(_libc.setns(descriptor, kind), "setns")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """mount(2)."""
    result = _libc.mount(
        os.fsencode(source),
        os.fsencode(target),
        os.fsencode(kind) if kind else None,
        ctypes.c_ulong(flags),
        os.fsencode(data) if data else None,
    )
    _checked(result, target)


def bind(source: str, target: str) -> None:
    """Show `source` (with what is mounted below it) at `target`."""
    mount(source, target, flags=BIND | RECURSIVE)


def make_read_only(target: str) -> None:
    """Forbid writes through the bind mount at `target`."""
    kept = os.statvfs(target).f_flag & _KEPT_FLAGS
    mount("", target, flags=REMOUNT | BIND | RDONLY | kept)


def pivot_root(root: str) -> None:
    """Make the mount point `root` this namespace's /, and let go of the old one."""
    number = _PIVOT_ROOT.get(platform.machine())
    os.chdir(root)
    if number is None:
        os.chroot(".")
    else:
        _checked(_libc.syscall(number, b".", b"."), "pivot_root")
        _checked(_libc.umount2(b".", _DETACH), "umount")
    os.chdir("/")


def become_subreaper() -> None:
    """Orphans among this process's descendants become its children."""
    _checked(_libc.prctl(_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")


def new_mount_namespace() -> None:
    """A private copy of the mounts; without root, in a user namespace that keeps our ids."""
    if os.geteuid() == 0:
        unshare(NEW_MOUNTS)
    else:
        uid, gid = os.geteuid(), os.getegid()
        unshare(NEW_USER | NEW_MOUNTS)
        for file, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{uid} {uid} 1"),
            ("gid_map", f"{gid} {gid} 1"),
        ):
            with open(f"/proc/self/{file}", "w") as opened:
                opened.write(text)
    mount("", "/", flags=RECURSIVE | SLAVE)
