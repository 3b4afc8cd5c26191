"""Plugin templates: executor plugins are asked over HTTP until one says that the node is its own.

Source: Argo Workflows' executor plugin protocol: `POST /api/v1/template.execute` with the workflow
and the template; an empty answer means "not mine", `requeue` "ask me again", 404 "never ask me
this", 503 "later". A plugin is a ConfigMap labelled `configmap-type: ExecutorPlugin` in the
workflow's or the controller's namespace. There is no agent pod, so the plugin runs where its user
wants: the annotation `headrace.dev/address` says where, and `headrace.dev/token-secret` names the
Secret (key `token`) with its bearer token. Without an address the port of its sidecar is looked
for on this machine, where the operator has allowed that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import orjson

from engine.core import facts
from engine.core.phases import COMPLETED, Phase
from engine.executors import fetching
from engine.executors.inprocess import Job, LeafFailed, Outcome
from engine.executors.lanes import Lanes
from kube import answer_body
from kube.cluster import Cluster, Object
from kube.egress import Egress
from lang import duration, yaml
from lang.errors import LangError

PATH = "/api/v1/template.execute"
TYPE_LABEL = "workflows.argoproj.io/configmap-type"
ADDRESS = "headrace.dev/address"
TOKEN_SECRET = "headrace.dev/token-secret"  # noqa: S105 - the name of an annotation
TIMEOUT = 30.0
MOST_REPLY = 1024 * 1024
FIRST_PAUSE, MOST_PAUSE = 0.5, 30.0


@dataclass(frozen=True, slots=True)
class PluginSettings:
    """Where plugins may be. `local`: on this machine, where their ConfigMap names no address."""

    controller_namespace: str = ""
    local: bool = False


@dataclass(frozen=True, slots=True)
class _Plugin:
    name: str
    address: str
    token: str


class PluginWorker:
    """See `Worker`. `config_maps(namespace)` are the ConfigMaps there, from a cache."""

    failed_code: str | None = None

    def __init__(
        self,
        cluster: Cluster,
        config_maps: Callable[[str], list[Object]],
        egress: Egress,
        lanes: Lanes,
        settings: PluginSettings,
    ) -> None:
        self._cluster = cluster
        self._config_maps = config_maps
        self._egress = egress
        self._lanes = lanes
        self._settings = settings

    async def run(self, job: Job) -> Outcome:
        """Ask the plugins in turn, again and again while one of them works on the node."""
        plugins = await self._plugins(job)
        never: set[str] = set()
        pause = FIRST_PAUSE
        while True:
            wait: float | None = None
            for plugin in plugins:
                if plugin.name in never:
                    continue
                status, reply = await self._asked(job, plugin)
                if status == 404:
                    never.add(plugin.name)
                elif status == 503:
                    wait = pause if wait is None else min(wait, pause)
                    pause = min(MOST_PAUSE, pause * 2)
                elif status >= 400:
                    raise LeafFailed(f"plugin {plugin.name} answered {status}")
                elif reply.get("node") or reply.get("requeue"):
                    outcome, again = _taken(job, plugin, reply)
                    if outcome is not None:
                        return outcome
                    wait = again
                    break
            if wait is None:
                raise LeafFailed("no plugin executed the template", Phase.ERROR)
            await asyncio.sleep(wait)

    async def _asked(self, job: Job, plugin: _Plugin) -> tuple[int, dict[str, Any]]:
        meta = job.owner["metadata"]
        identity = {key: meta[key] for key in ("name", "namespace", "uid")}
        body = {"workflow": {"metadata": identity}, "template": job.leaf.template}
        headers = {"Content-Type": "application/json", "Idempotency-Key": job.key}
        if plugin.token:
            headers["Authorization"] = f"Bearer {plugin.token}"
        try:
            async with (
                self._lanes.place(job.workflow),
                aiohttp.ClientSession(
                    connector=self._egress.connector(),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(total=TIMEOUT),
                ) as session,
                session.post(
                    plugin.address + PATH,
                    data=orjson.dumps(body),
                    headers=headers,
                    allow_redirects=False,
                ) as answer,
            ):
                content = await answer_body.whole(answer, MOST_REPLY)
                if answer.status >= 400:
                    return answer.status, {}
                reply = orjson.loads(content) if content.strip() else {}
                return answer.status, reply if isinstance(reply, dict) else {}
        except TimeoutError:
            raise LeafFailed(
                f"plugin {plugin.name}: no answer in {TIMEOUT:g} seconds", Phase.ERROR
            ) from None
        except answer_body.TooLong as error:
            raise LeafFailed(f"plugin {plugin.name}: {error}") from None
        except (aiohttp.ClientError, OSError, orjson.JSONDecodeError) as error:
            raise LeafFailed(f"plugin {plugin.name}: {error}", Phase.ERROR) from None

    async def _plugins(self, job: Job) -> list[_Plugin]:
        namespaces = dict.fromkeys([self._settings.controller_namespace, job.namespace])
        found: dict[str, _Plugin] = {}
        for namespace in filter(None, namespaces):
            for config_map in self._config_maps(namespace):
                meta = config_map["metadata"]
                if (meta.get("labels") or {}).get(TYPE_LABEL) != "ExecutorPlugin":
                    continue
                address = self._address(config_map)
                if address:
                    token = await self._token(namespace, meta)
                    found[meta["name"]] = _Plugin(meta["name"], address, token)
        return [found[name] for name in sorted(found)]

    def _address(self, config_map: Object) -> str:
        annotations = config_map["metadata"].get("annotations") or {}
        given = str(annotations.get(ADDRESS) or "")
        if given:
            parts = urlsplit(given)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                name = config_map["metadata"]["name"]
                raise LeafFailed(f"plugin {name}: {ADDRESS} is no http address", Phase.ERROR)
            return given.rstrip("/")
        if not self._settings.local:
            return ""
        port = _sidecar_port(config_map)
        return f"http://localhost:{port}" if port else ""

    async def _token(self, namespace: str, meta: Mapping[str, Any]) -> str:
        name = (meta.get("annotations") or {}).get(TOKEN_SECRET)
        if not name:
            return ""
        return await fetching.secret(self._cluster, namespace, {"name": name, "key": "token"})


def _sidecar_port(config_map: Object) -> int | None:
    try:
        container = yaml.load((config_map.get("data") or {}).get("sidecar.container") or "")
        return int(container["ports"][0]["containerPort"])
    except (LangError, KeyError, IndexError, TypeError, ValueError):
        return None


def _taken(
    job: Job, plugin: _Plugin, reply: Mapping[str, Any]
) -> tuple[Outcome | None, float | None]:
    """The end of the node, or the seconds until the plugin wants to be asked again."""
    node = reply.get("node") or {}
    try:
        phase = Phase(str(node.get("phase") or "Running"))
        again = duration.parse_go(str(reply["requeue"])) if reply.get("requeue") else None
    except (ValueError, LangError):
        raise LeafFailed(f"plugin {plugin.name}: cannot read its answer", Phase.ERROR) from None
    message = str(node.get("message") or "")
    if phase in COMPLETED:
        outputs = node.get("outputs") or {}
        parameters = {
            str(p.get("name")): str(p.get("value")) for p in outputs.get("parameters") or ()
        }
        return Outcome(phase, message, outputs.get("result"), parameters), None
    if again is None:
        text = f"plugin {plugin.name}: the node is {phase} and it does not want to be asked again"
        raise LeafFailed(text, Phase.ERROR)
    progress = str(node.get("progress") or "")
    job.tell(facts.LeafChanged(job.leaf.node_id, Phase.RUNNING, message, progress=progress))
    return None, float(again)
