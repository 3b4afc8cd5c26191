"""From a container's spec to everything that one run of it needs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from headrace.local.kubelet import amounts, capture, environment, expansion, volumes
from headrace.local.kubelet.capture import Plan
from headrace.local.kubelet.containerstate import ContainerState, Role
from headrace.local.kubelet.privateroot import Bind
from headrace.local.kubelet.records import RunPaths
from headrace.local.kubelet.references import References
from headrace.local.kubelet.runtime import Container
from headrace.local.kubelet.tools import Tools
from kube.cluster import Object

TERMINATION_LOG = "/dev/termination-log"


class Assembly:
    """One pod's. `places` (of volumes) and `inputs` (staged files) are set once it is prepared."""

    def __init__(self, tools: Tools, folder: Path, plan: Plan | None) -> None:
        self._tools = tools
        self._folder = folder
        self._plan = plan
        self._env: dict[str, dict[str, str]] = {}
        self.places: volumes.Places = {}
        self.inputs: Sequence[Bind] = ()

    async def container(self, pod: Object, state: ContainerState, paths: RunPaths) -> Container:
        """Look up, expand, and make the run's own files. Raises ConfigError."""
        tools, spec = self._tools, state.spec
        references = References(tools.cluster, pod["metadata"]["namespace"])
        given = {**tools.given, "HOSTNAME": _host_name(pod)}
        env = await environment.variables(pod, spec, references, tools.capacity.amount, given)
        self._env[state.name] = env
        paths.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        paths.termination_log.touch(mode=0o666)
        paths.termination_log.chmod(0o666)
        context = {
            **(pod["spec"].get("securityContext") or {}),
            **(spec.get("securityContext") or {}),
        }
        main = state.name in capture.main_names(pod)
        return Container(
            name=state.name,
            pod_name=pod["metadata"]["name"],
            image=str(spec.get("image") or ""),
            command=_expanded(spec.get("command"), env),
            args=_expanded(spec.get("args"), env),
            env=env,
            cwd=str(spec.get("workingDir") or ""),
            binds=tuple(self._binds(state, pod, env, paths)),
            paths=paths,
            memory=amounts.memory_limit(spec),
            stdin=bool(spec.get("stdin")),
            capture=bool(main and self._plan and self._plan.stdout),
            user=context.get("runAsUser"),
            group=context.get("runAsGroup"),
        )

    def binds_of(self, state: ContainerState, pod: Object) -> list[Bind]:
        """The mounts of the run that `state` is in (or was)."""
        assert state.paths is not None
        return self._binds(state, pod, self._env.get(state.name, {}), state.paths)

    def main_binds(self, pod: Object) -> list[Bind]:
        """The volume mounts of the workflow's own containers."""
        names = capture.main_names(pod)
        found = []
        for container in pod["spec"]["containers"]:
            if container["name"] in names:
                found += volumes.binds(container, self.places, {})
        return found

    def _binds(
        self, state: ContainerState, pod: Object, env: dict[str, str], paths: RunPaths
    ) -> list[Bind]:
        made = volumes.binds(state.spec, self.places, env)
        if state.role is Role.MAIN and state.name in capture.main_names(pod):
            made += self.inputs
        target = state.spec.get("terminationMessagePath") or TERMINATION_LOG
        made.append(Bind(str(paths.termination_log), target, False))
        return made


def environment_of_containers(extra: dict[str, str]) -> dict[str, str]:
    """What every container finds before its own variables: the machine's PATH and HOME."""
    standard = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    path = os.environ.get("PATH") or standard
    given = {"PATH": path, "HOME": os.environ.get("HOME") or "/"}
    for name in ("LANG", "LC_ALL", "TZ"):
        if os.environ.get(name):
            given[name] = os.environ[name]
    return given | extra


def _expanded(words: Any, env: dict[str, str]) -> tuple[str, ...]:
    return tuple(expansion.expand(str(word), env) for word in words or ())


def _host_name(pod: Object) -> str:
    return str(pod["spec"].get("hostname") or pod["metadata"]["name"])[:63].rstrip("-.")
