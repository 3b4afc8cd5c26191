"""Startup, readiness and liveness probes, and lifecycle handlers, of one run.

Kinds: exec, httpGet, tcpSocket (and sleep, for hooks). Semantics: Kubernetes `pkg/kubelet/prober`.
Containers share the machine's network, so a probe goes to 127.0.0.1 unless it names a host.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Mapping
from typing import Any

from headrace.local.kubelet import executing
from headrace.local.kubelet.containerstate import ContainerState
from headrace.local.kubelet.fields import ADDRESS
from headrace.local.kubelet.tools import Tools
from kube.cluster import Object

Spec = Mapping[str, Any]
READ_SECONDS_MOST = 3600.0
MOST_HEAD = 64 * 1024


class Probes:
    """Runs a container's probes; says `changed` when readiness changes, `fail` when it must go."""

    def __init__(
        self,
        pod: Object,
        state: ContainerState,
        tools: Tools,
        changed: Callable[[], None],
        fail: Callable[[str], None],
    ) -> None:
        self._pod = pod
        self._state = state
        self._tools = tools
        self._changed = changed
        self._fail = fail
        spec = state.spec
        self._startup: Spec | None = spec.get("startupProbe")
        self._readiness: Spec | None = spec.get("readinessProbe")
        self._liveness: Spec | None = spec.get("livenessProbe")

    @property
    def has_startup(self) -> bool:
        """Whether `started` waits for a probe."""
        return self._startup is not None

    @property
    def has_readiness(self) -> bool:
        """Whether `ready` waits for a probe."""
        return self._readiness is not None or self._startup is not None

    async def run(self) -> None:
        """Probe until cancelled."""
        hook = (self._state.spec.get("lifecycle") or {}).get("postStart")
        if hook:
            problem = await self.handle(hook)
            if problem:
                self._warn("FailedPostStartHook", problem)
                self._fail(f"PostStartHook failed: {problem}")
                return
        if self._startup and not await self._until_started(self._startup):
            return
        async with asyncio.TaskGroup() as group:
            if self._readiness:
                group.create_task(self._readying(self._readiness))
            if self._liveness:
                group.create_task(self._living(self._liveness, "Liveness"))

    async def _until_started(self, probe: Spec) -> bool:
        async for healthy, problem in self._verdicts(probe):
            if healthy:
                self._state.started = True
                self._state.ready = self._readiness is None
                self._changed()
                return True
            self._warn("Unhealthy", f"Startup probe failed: {problem}")
            self._fail(f"Container {self._state.name} failed startup probe")
            return False
        return False

    async def _readying(self, probe: Spec) -> None:
        async for healthy, problem in self._verdicts(probe):
            if not healthy:
                self._warn("Unhealthy", f"Readiness probe failed: {problem}")
            if healthy != self._state.ready:
                self._state.ready = healthy
                self._changed()

    async def _living(self, probe: Spec, word: str) -> None:
        async for healthy, problem in self._verdicts(probe):
            if not healthy:
                self._warn("Unhealthy", f"{word} probe failed: {problem}")
                self._fail(f"Container {self._state.name} failed liveness probe, will be restarted")
                return

    async def _verdicts(self, probe: Spec) -> Any:
        """(healthy, problem) whenever a threshold is reached."""
        await asyncio.sleep(float(probe.get("initialDelaySeconds") or 0))
        period = float(probe.get("periodSeconds") or 10)
        good = int(probe.get("successThreshold") or 1)
        bad = int(probe.get("failureThreshold") or 3)
        successes = failures = 0
        while True:
            problem = await self._probe(probe)
            successes, failures = (0, failures + 1) if problem else (successes + 1, 0)
            if successes >= good:
                yield True, ""
            elif failures >= bad:
                yield False, problem
            await asyncio.sleep(period)

    async def _probe(self, probe: Spec) -> str:
        seconds = float(probe.get("timeoutSeconds") or 1)
        try:
            async with asyncio.timeout(seconds):
                return await self.handle(probe)
        except TimeoutError:
            return f"timed out after {seconds:g}s"

    async def handle(self, handler: Spec) -> str:
        """Do what a probe or hook says; empty when it went well, else what did not."""
        if "exec" in handler:
            command = handler["exec"].get("command") or ()
            code, output = await executing.output(self._tools, self._state, command)
            return "" if code == 0 else output.decode(errors="replace") or f"exit code {code}"
        if "httpGet" in handler:
            return await self._http(handler["httpGet"])
        if "tcpSocket" in handler:
            return await self._tcp(handler["tcpSocket"])
        if "sleep" in handler:
            await asyncio.sleep(float(handler["sleep"].get("seconds") or 0))
        return ""

    def _port(self, port: Any) -> int:
        if isinstance(port, int) or str(port).isdigit():
            return int(port)
        for declared in self._state.spec.get("ports") or ():
            if declared.get("name") == port:
                return int(declared["containerPort"])
        raise OSError(f"no port named {port!r}")

    async def _tcp(self, action: Spec) -> str:
        try:
            _, writer = await asyncio.open_connection(
                action.get("host") or ADDRESS, self._port(action["port"])
            )
        except OSError as error:
            return str(error)
        writer.close()
        return ""

    async def _http(self, action: Spec) -> str:
        """One GET; 200 to 399 is healthy. Certificates are not checked, as in Kubernetes."""
        host = action.get("host") or ADDRESS
        secure = None
        if str(action.get("scheme") or "HTTP").upper() == "HTTPS":
            secure = ssl.create_default_context()
            secure.check_hostname, secure.verify_mode = False, ssl.CERT_NONE
        path = action.get("path") or "/"
        path = path if path.startswith("/") else f"/{path}"
        headers = {"Host": host, "User-Agent": "kube-probe/1.32", "Connection": "close"}
        headers |= {h["name"]: h["value"] for h in action.get("httpHeaders") or ()}
        lines = [f"GET {path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items()), "", ""]
        if any("\r" in line or "\n" in line for line in lines):
            return "the probe's path or headers hold a line break"
        try:
            reader, writer = await asyncio.open_connection(
                host, self._port(action["port"]), ssl=secure
            )
        except OSError as error:
            return str(error)
        try:
            writer.write("\r\n".join(lines).encode())
            await writer.drain()
            first = await reader.readline()
            code = int(first.split()[1])
        except (OSError, ValueError, IndexError) as error:
            return f"no HTTP answer: {error}"
        finally:
            writer.close()
        return "" if 200 <= code < 400 else f"HTTP probe failed with statuscode: {code}"

    def _warn(self, reason: str, message: str) -> None:
        self._tools.recorder.tell(self._pod, reason, message, warning=True)
