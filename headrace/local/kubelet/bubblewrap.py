"""The bubblewrap runtime: a container is a process in a sandbox that bwrap makes.

The container sees the machine's programs read-only, its own /tmp, home and /, its volumes, and a
process table of its own; when its first process ends, the kernel ends all others. The network is
the machine's, as pods here talk to 127.0.0.1.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from headrace.local.kubelet import images
from headrace.local.kubelet.errors import LaunchError
from headrace.local.kubelet.privateroot import Bind
from headrace.local.kubelet.records import RunPaths, Start
from headrace.local.kubelet.runtime import Container, Spec
from headrace.local.kubelet.view import View

SHOWN = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc", "/opt", "/nix"),
    "/run/systemd/resolve",
)
OWN = ("/tmp", "/var/tmp", "/root", "/home", "/run", "/mnt", "/srv")  # noqa: S108 - inside


class BubblewrapRuntime:
    """See the module. `bwrap` is the program's path."""

    name = "bubblewrap"
    pulls_images = False

    def __init__(self, bwrap: str) -> None:
        self._bwrap = bwrap

    def run_spec(self, container: Container) -> Spec:
        """bwrap with the container's command."""
        argv = images.command_line(container.image, container.command, container.args)
        if argv is None:
            raise LaunchError("StartError", images.problem(container.image, self.name))
        _findable(argv[0], container.env)
        sandbox = [self._bwrap, "--unshare-pid", "--unshare-ipc", "--unshare-uts"]
        sandbox += ["--unshare-cgroup-try", "--hostname", container.pod_name[:63]]
        sandbox += self._files(container)
        if container.user is not None:
            group = container.user if container.group is None else container.group
            sandbox += ["--unshare-user", "--uid", str(container.user), "--gid", str(group)]
        sandbox += ["--chdir", container.cwd or "/", "--", *argv]
        env = {**container.env, "HOME": container.env.get("HOME", "/root")}
        return {"argv": sandbox, "env": env, "memory": container.memory, "wrapped": True}

    def _files(self, container: Container) -> list[str]:
        paths = container.paths
        words = ["--bind", str(_made(paths.root)), "/"]
        for shown in SHOWN:
            if os.path.islink(shown):
                words += ["--symlink", os.readlink(shown), shown]
            else:
                words += ["--ro-bind-try", shown, shown]
        words += ["--proc", "/proc", "--dev", "/dev", "--ro-bind-try", "/sys", "/sys"]
        for own in OWN:
            words += ["--dir", own]
        for item in sorted(container.binds, key=lambda b: b.target.count("/")):
            words += ["--ro-bind" if item.read_only else "--bind", item.source, item.target]
        return words

    def exec_spec(self, container: str, paths: RunPaths, start: Start, argv: Sequence[str]) -> Spec:
        """In the namespaces of the sandbox's first process."""
        return {"argv": list(argv), "join": start.pid, "joinTicks": start.ticks, "inner": True}

    def host_path(self, paths: RunPaths, binds: Sequence[Bind], path: str) -> Path | None:
        """Through the container's mounts."""
        shown = [Bind(s, s, True) for s in SHOWN if not os.path.islink(s) and os.path.exists(s)]
        return View([*shown, *binds], str(paths.root), shows_host=False).locate(path)

    async def was_oom_killed(self, paths: RunPaths) -> bool:
        """The shim has seen that."""
        return False

    async def clean_up(self, paths: RunPaths) -> None:
        """Nothing: the sandbox went with its first process."""


def _findable(name: str, env: Mapping[str, str]) -> None:
    """bwrap itself would only say so on the container's stderr."""
    if "/" not in name and shutil.which(name, path=env.get("PATH")) is None:
        raise LaunchError("StartError", f'exec: "{name}": executable file not found in $PATH')


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    return folder
