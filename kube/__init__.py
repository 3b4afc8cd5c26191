"""Talking to a Kubernetes API: the `Cluster` seam, informers, work queues, leases, the throttle."""
