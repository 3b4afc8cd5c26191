"""The one Node of the embedded cluster: its object, its labels, its lease."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata

from headrace.local.kubelet.fields import ADDRESS
from headrace.local.kubelet.policy import Capacity
from kube.cluster import MERGE_STATUS, Cluster, Object
from kube.errors import AlreadyExists, Conflict, KubeError, NotFound
from kube.resources import LEASES, Resource
from kube.service import Service

NODES = Resource("", "v1", "nodes", "Node", False)
LEASE_NAMESPACE = "kube-node-lease"
RENEW_SECONDS = 300.0
LEASE_SECONDS = 900
CALL_SECONDS = 15.0


def labels(name: str) -> dict[str, str]:
    """The labels that every node has."""
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    return {
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": machine,
        "beta.kubernetes.io/os": "linux",
        "beta.kubernetes.io/arch": machine,
        "node.headrace.dev/local": "true",
    }


class Node(Service):
    """Registers the node and renews its lease. `changed` gets the object when it was read."""

    def __init__(
        self,
        cluster: Cluster,
        name: str,
        capacity: Capacity,
        runtime: str,
        changed: Callable[[Object], None],
    ) -> None:
        super().__init__("kubelet node")
        self._cluster = cluster
        self._name = name
        self._capacity = capacity
        self._runtime = runtime
        self._changed = changed

    async def run(self) -> None:
        """Register, then renew rarely: nobody else decides about this node."""
        self.mark_started()
        while True:
            try:
                async with asyncio.timeout(CALL_SECONDS):
                    self._changed(await self._register())
                    await self._renew()
            except (KubeError, TimeoutError) as error:
                self.log.info("node not registered", error=str(error))
            await asyncio.sleep(RENEW_SECONDS)

    async def _register(self) -> Object:
        body: Object = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": self._name, "labels": labels(self._name)},
            "spec": {},
        }
        try:
            await self._cluster.create(NODES, None, body)
        except AlreadyExists:
            await self._cluster.patch(
                NODES, None, self._name, {"metadata": {"labels": labels(self._name)}}
            )
        return await self._cluster.patch(
            NODES, None, self._name, {"status": self._status()}, MERGE_STATUS
        )

    def _status(self) -> Object:
        now = _stamp()
        room = {
            "cpu": f"{self._capacity.cpu.normalize():f}",
            "memory": f"{int(self._capacity.memory) // 1024}Ki",
            "pods": str(self._capacity.pods),
        }
        states = (
            ("MemoryPressure", "False", "KubeletHasSufficientMemory"),
            ("DiskPressure", "False", "KubeletHasNoDiskPressure"),
            ("PIDPressure", "False", "KubeletHasSufficientPID"),
            ("Ready", "True", "KubeletReady"),
        )
        return {
            "capacity": room,
            "allocatable": room,
            "addresses": [
                {"type": "InternalIP", "address": ADDRESS},
                {"type": "Hostname", "address": self._name},
            ],
            "conditions": [
                {
                    "type": kind,
                    "status": value,
                    "reason": reason,
                    "message": "the local kubelet runs",
                    "lastHeartbeatTime": now,
                    "lastTransitionTime": now,
                }
                for kind, value, reason in states
            ],
            "nodeInfo": {
                "architecture": labels(self._name)["kubernetes.io/arch"],
                "operatingSystem": "linux",
                "kernelVersion": platform.release(),
                "osImage": platform.platform(),
                "containerRuntimeVersion": f"{self._runtime}://{_version()}",
                "kubeletVersion": f"v1.32.0+headrace-{_version()}",
                "kubeProxyVersion": "",
                "machineID": "",
                "systemUUID": "",
                "bootID": "",
            },
        }

    async def _renew(self) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {
            "holderIdentity": self._name,
            "leaseDurationSeconds": LEASE_SECONDS,
            "renewTime": now,
        }
        try:
            await self._cluster.patch(LEASES, LEASE_NAMESPACE, self._name, {"spec": spec})
        except NotFound:
            body = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": self._name, "namespace": LEASE_NAMESPACE},
                "spec": spec,
            }
            try:
                await self._cluster.create(LEASES, LEASE_NAMESPACE, body)
            except (NotFound, AlreadyExists, Conflict):
                return  # a cluster without that namespace needs no lease


def _stamp() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _version() -> str:
    try:
        return metadata.version("headrace")
    except metadata.PackageNotFoundError:
        return "0"
