"""The embedded cluster: API server, kubelet and NATS in one process and one folder."""
