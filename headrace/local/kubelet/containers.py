"""The podman and docker runtimes: a container is a container, of the image that it names.

The shim supervises the engine's client in the foreground, so logs, exit records and survival are
as everywhere. Values of variables reach the container through the client's environment,
never through its arguments. Containers use the machine's network, as every pod here does.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from headrace.local.kubelet.privateroot import Bind
from headrace.local.kubelet.records import RunPaths, Start
from headrace.local.kubelet.runtime import Container, Spec
from headrace.local.kubelet.view import View

SECONDS = 60.0
CLIENT = (
    "PATH",
    "HOME",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "DOCKER_HOST",
    "DOCKER_CONFIG",
    "CONTAINER_HOST",
)


class ContainerRuntime:
    """See the module. `client` is the program's path, `given` what containers of host tools get."""

    pulls_images = True

    def __init__(self, name: str, client: str) -> None:
        self.name = name
        self._client = client

    def run_spec(self, container: Container) -> Spec:
        """The client's `run`."""
        words = [self._client, "run", "--name", _name(container.paths), "--network", "host"]
        env = _client_environment()
        for name, value in container.env.items():
            if name in env:
                if os.environ.get(name) != value:
                    words += ["--env", f"{name}={value}"]
                continue
            env[name] = value
            words += ["--env", name]
        for item in container.binds:
            mount = f"type=bind,source={item.source},target={item.target}"
            words += ["--mount", mount + (",readonly" if item.read_only else "")]
        if container.memory:
            words += ["--memory", str(container.memory)]
        if container.cwd:
            words += ["--workdir", container.cwd]
        if container.user is not None:
            group = "" if container.group is None else f":{container.group}"
            words += ["--user", f"{container.user}{group}"]
        if container.stdin:
            words.append("--interactive")
        rest = container.args
        if container.command:
            words += ["--entrypoint", container.command[0]]
            rest = container.command[1:] + container.args
        return {"argv": [*words, container.image, *rest], "env": env}

    def exec_spec(self, container: str, paths: RunPaths, start: Start, argv: Sequence[str]) -> Spec:
        """The client's `exec`."""
        words = [self._client, "exec", "--interactive", _name(paths), *argv]
        return {"argv": words, "env": _client_environment(), "cwd": "/"}

    def host_path(self, paths: RunPaths, binds: Sequence[Bind], path: str) -> Path | None:
        """In a volume, or copied out of the container into the run's folder."""
        if any(path == b.target or path.startswith(b.target.rstrip("/") + "/") for b in binds):
            return View(binds, str(paths.root), shows_host=False).locate(path)
        folder = paths.folder / "copied"
        folder.mkdir(exist_ok=True, mode=0o700)
        target = folder / str(len(os.listdir(folder)))
        command = [self._client, "cp", f"{_name(paths)}:{path}", str(target)]
        try:
            done = subprocess.run(  # noqa: S603 - no shell; the path is one word
                command, capture_output=True, timeout=SECONDS, env=_client_environment()
            )
        except subprocess.TimeoutExpired:
            return None
        if done.returncode or target.is_symlink() or not target.exists():
            return None
        return target

    async def was_oom_killed(self, paths: RunPaths) -> bool:
        """As the engine has recorded it."""
        text = await self._ask("inspect", "--format", "{{.State.OOMKilled}}", _name(paths))
        return text.strip() == "true"

    async def clean_up(self, paths: RunPaths) -> None:
        """Remove the container, running or not."""
        await self._ask("rm", "--force", "--volumes", _name(paths))

    async def _ask(self, *words: str) -> str:
        process = await asyncio.create_subprocess_exec(
            self._client,
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=_client_environment(),
        )
        try:
            async with asyncio.timeout(SECONDS):
                output, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            return ""
        return output.decode(errors="replace") if process.returncode == 0 else ""


def _client_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in CLIENT if name in os.environ}


def _name(paths: RunPaths) -> str:
    """`headrace-<pod uid>-<container>-<attempt>`, from the run's folder."""
    attempt, container, _, uid = paths.folder.parts[-1:-5:-1]
    return f"headrace-{uid}-{container}-{attempt}"


async def usable(client: str, environment: Mapping[str, str] | None = None) -> bool:
    """Whether an engine answers behind the client."""
    try:
        process = await asyncio.create_subprocess_exec(
            client,
            "info",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment or _client_environment(),
        )
    except OSError:
        return False
    try:
        async with asyncio.timeout(5.0):
            return await process.wait() == 0
    except TimeoutError:
        process.kill()
        await process.wait()
        return False
