"""The process runtime: a container is a process of this machine in a root folder of its own.

Where the kernel allows mount namespaces each container has a private /tmp, its volumes at their
real paths, and a / that it may write to. Where not, `isolated` is false: /tmp is the machine's,
and volumes are reached because arguments that name a path in them are rewritten. It keeps pods
from tripping over each other; it does not protect the machine from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from headrace.local.kubelet import images, privateroot
from headrace.local.kubelet.errors import LaunchError
from headrace.local.kubelet.privateroot import Bind, RootPlan
from headrace.local.kubelet.records import RunPaths, Start
from headrace.local.kubelet.runtime import Container, Spec
from headrace.local.kubelet.view import View


class ProcessRuntime:
    """See the module."""

    name = "process"
    pulls_images = False

    def __init__(self, *, isolated: bool) -> None:
        self.isolated = isolated

    def run_spec(self, container: Container) -> Spec:
        """The host's command, in a private root."""
        argv = images.command_line(container.image, container.command, container.args)
        if argv is None:
            raise LaunchError("StartError", images.problem(container.image, self.name))
        made = self._plan(container.paths, container.binds)
        if made is None:
            argv = tuple(_rewritten(word, container.binds) for word in argv)
        return {
            "argv": list(argv),
            "env": dict(container.env),
            "cwd": container.cwd,
            "root": made,
            "memory": container.memory,
            "uid": container.user,
            "gid": container.group,
        }

    def exec_spec(self, container: str, paths: RunPaths, start: Start, argv: Sequence[str]) -> Spec:
        """In the namespaces, and with the environment, of the container's first process."""
        return {"argv": list(argv), "join": start.pid, "joinTicks": start.ticks}

    def host_path(self, paths: RunPaths, binds: Sequence[Bind], path: str) -> Path | None:
        """Through the container's mounts."""
        made = self._plan(paths, binds)
        if made is None:
            return View(binds).locate(path)
        return View(made.binds, made.root, made.private).locate(path)

    async def was_oom_killed(self, paths: RunPaths) -> bool:
        """The shim has seen that."""
        return False

    async def clean_up(self, paths: RunPaths) -> None:
        """Nothing: the mounts went with the last process."""

    def _plan(self, paths: RunPaths, binds: Sequence[Bind]) -> RootPlan | None:
        if not self.isolated:
            return None
        return privateroot.plan(str(paths.root), binds)


def _rewritten(word: str, binds: Sequence[Bind]) -> str:
    """A path inside a volume as the path that it has on the machine."""
    for item in binds:
        if word == item.target or word.startswith(item.target + "/"):
            return item.source + word[len(item.target) :]
    return word
