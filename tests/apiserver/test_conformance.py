"""Both ways to the embedded API server do what every Cluster must do."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from headrace.local.apiserver.server import ApiServer
from kube.cluster import Cluster
from kube.http import HttpCluster
from kube.kubeconfig import Access
from tests.conformance.cluster import ClusterConformance


class TestInProcess(ClusterConformance):
    @pytest.fixture
    def cluster(self, server: ApiServer) -> Cluster:
        return server.cluster


class TestOverHttp(ClusterConformance):
    @pytest.fixture
    async def cluster(self, server: ApiServer) -> AsyncIterator[Cluster]:
        client = HttpCluster(Access(server=server.url, token="t"))
        yield client
        await client.close()
