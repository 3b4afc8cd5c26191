"""Objects that the kubectl tests use."""

from __future__ import annotations

from typing import Any

Object = dict[str, Any]


def config_map(name: str, data: dict[str, str] | None = None, **labels: str) -> Object:
    """A ConfigMap."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, **({"labels": labels} if labels else {})},
        "data": data or {"k": "v"},
    }


def pod(name: str, script: str, **spec: Any) -> Object:
    """A pod whose only container runs a shell script."""
    container = {"name": "main", "image": "alpine", "command": ["sh", "-c", script]}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"restartPolicy": "Never", "containers": [container], **spec},
    }


def workflow(name: str, script: str = "echo hello") -> Object:
    """A workflow of one container."""
    container = {"image": "alpine", "command": ["sh", "-c", script]}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name},
        "spec": {
            "entrypoint": "main",
            "templates": [{"name": "main", "container": container}],
        },
    }


def widgets(group: str) -> Object:
    """A CRD with defaults, pruning, rules, columns, and both subresources."""
    spec = {
        "type": "object",
        "required": ["size"],
        "x-kubernetes-validations": [
            {"rule": "self.size <= self.limit", "message": "size must not exceed limit"},
            {"rule": "self.size >= oldSelf.size", "message": "size must not shrink"},
        ],
        "properties": {
            "size": {"type": "integer", "minimum": 1, "description": "How large."},
            "limit": {"type": "integer", "default": 10},
            "color": {"type": "string", "enum": ["red", "blue"], "default": "red"},
            "replicas": {"type": "integer", "default": 1},
        },
    }
    status = {
        "type": "object",
        "properties": {"ready": {"type": "boolean"}, "replicas": {"type": "integer"}},
    }
    schema = {"type": "object", "properties": {"spec": spec, "status": status}}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": schema},
        "subresources": {
            "status": {},
            "scale": {
                "specReplicasPath": ".spec.replicas",
                "statusReplicasPath": ".status.replicas",
            },
        },
        "additionalPrinterColumns": [
            {"name": "Size", "type": "integer", "jsonPath": ".spec.size"},
            {"name": "Color", "type": "string", "jsonPath": ".spec.color", "priority": 1},
            {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
        ],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"widgets.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {
                "plural": "widgets",
                "singular": "widget",
                "kind": "Widget",
                "shortNames": ["wd"],
            },
            "versions": [version],
        },
    }
