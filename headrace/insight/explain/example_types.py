"""Example values of objects by their type, for fields that have no example of their own."""

from __future__ import annotations

from typing import Any

_SECRET = {"name": "my-secret", "key": "password"}
_STEP = {"name": "build", "template": "build"}
_FROM_EVENT = {
    "src": {"dependencyName": "push", "dataKey": "body.ref"},
    "dest": "spec.arguments.parameters.0.value",
}
_BUS = {"url": "nats://nats.example.com:4222"}

BY_TYPE: dict[str, Any] = {
    "SecretKeySelector": _SECRET,
    "ConfigMapKeySelector": {"name": "my-config", "key": "size"},
    "ObjectMeta": {"name": "hello"},
    "LocalObjectReference": {"name": "registry"},
    "Container": {"image": "alpine:3.20", "command": ["echo", "hello"]},
    "UserContainer": {"name": "db", "image": "redis:7"},
    "ContainerNode": {"name": "main", "image": "alpine:3.20", "command": ["true"]},
    "ScriptTemplate": {"image": "alpine:3.20", "command": ["sh"], "source": "echo hello"},
    "Volume": {"name": "work", "emptyDir": {}},
    "VolumeMount": {"name": "work", "mountPath": "/data"},
    "EnvVar": {"name": "BRANCH", "value": "main"},
    "EnvFromSource": {"secretRef": {"name": "my-secret"}},
    "ResourceRequirements": {"limits": {"cpu": "500m", "memory": "256Mi"}},
    "Toleration": {"key": "gpu", "operator": "Exists", "effect": "NoSchedule"},
    "HostAlias": {"ip": "10.0.0.1", "hostnames": ["registry.internal"]},
    "PodSecurityContext": {"runAsNonRoot": True, "runAsUser": 1000},
    "SecurityContext": {"readOnlyRootFilesystem": True},
    "LabelSelector": {"matchLabels": {"app": "web"}},
    "PersistentVolumeClaim": {
        "metadata": {"name": "work"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    },
    "PodDisruptionBudgetSpec": {"minAvailable": 1},
    "ServicePort": {"port": 12000, "targetPort": 12000},
    "Probe": {"httpGet": {"path": "/healthz", "port": 8080}},
    "Affinity": {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "disk", "operator": "In", "values": ["ssd"]}]}
                ]
            }
        }
    },
    # Workflows
    "Template": {"name": "main", "container": {"image": "alpine:3.20", "command": ["true"]}},
    "WorkflowSpec": {
        "entrypoint": "main",
        "templates": [
            {"name": "main", "container": {"image": "alpine:3.20", "command": ["echo", "hello"]}}
        ],
    },
    "WorkflowTemplateRef": {"name": "release"},
    "WorkflowStep": _STEP,
    "DAGTask": {**_STEP, "depends": "prepare"},
    "DAGTemplate": {"tasks": [{**_STEP}, {"name": "test", "template": "test", "depends": "build"}]},
    "TemplateRef": {"name": "library", "template": "build"},
    "LifecycleHook": {"template": "notify", "expression": 'workflow.status == "Failed"'},
    "ContinueOn": {"failed": True},
    "Arguments": {"parameters": [{"name": "branch", "value": "main"}]},
    "Inputs": {"parameters": [{"name": "branch", "default": "main"}]},
    "Outputs": {"parameters": [{"name": "version", "valueFrom": {"path": "/out/version"}}]},
    "Parameter": {"name": "branch", "value": "main"},
    "Artifact": {"name": "report", "path": "/out/report", "s3": {"key": "reports/today.csv"}},
    "ArtifactLocation": {"s3": {"bucket": "my-bucket", "key": "reports"}},
    "S3Artifact": {
        "endpoint": "s3.example.com",
        "bucket": "my-bucket",
        "key": "reports/today.csv",
    },
    "GCSArtifact": {"bucket": "my-bucket", "key": "reports/today.csv"},
    "OSSArtifact": {"bucket": "my-bucket", "key": "reports/today.csv"},
    "GitArtifact": {"repo": "https://git.example.com/acme/thing.git", "revision": "main"},
    "HDFSArtifact": {"addresses": ["hdfs.example.com:9000"], "path": "/reports/today.csv"},
    "RetryStrategy": {"limit": 3, "backoff": {"duration": "10s", "factor": 2}},
    "strategies.Backoff": {"duration": "10s", "factor": 2, "maxDuration": "5m"},
    "RetryAffinity": {"nodeAntiAffinity": {}},
    "Synchronization": {"mutexes": [{"name": "deploy"}]},
    "SemaphoreRef": {"configMapKeyRef": {"name": "locks", "key": "deploys"}},
    "Mutex": {"name": "deploy"},
    "Sequence": {"count": 5},
    "TTLStrategy": {"secondsAfterCompletion": 86400},
    "PodGC": {"strategy": "OnPodCompletion"},
    "VolumeClaimGC": {"strategy": "OnWorkflowCompletion"},
    "ResourceTemplate": {
        "action": "create",
        "manifest": "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: made\n",
    },
    "HTTPTemplate": {"url": "https://api.example.com/status"},
    "SuspendTemplate": {"duration": "1h"},
    "ContainerSetTemplate": {"containers": [{"name": "main", "image": "alpine:3.20"}]},
    "DataTemplate": {
        "source": {"artifactPaths": {"name": "reports", "s3": {"bucket": "my-bucket"}}},
        "transformation": [{"expression": "filter(data, {# endsWith '.csv'})"}],
    },
    "Metrics": {
        "prometheus": [
            {"name": "runs_total", "help": "How many runs ended", "counter": {"value": "1"}}
        ]
    },
    "Prometheus": {"name": "runs_total", "help": "How many ended", "counter": {"value": "1"}},
    "Gauge": {"value": "{{duration}}", "realtime": True},
    "WorkflowMetadata": {"labels": {"team": "data"}},
    "Metadata": {"labels": {"team": "data"}},
    "ArtifactPodMetadata": {"labels": {"team": "data"}},
    "CronWorkflowSpec": {
        "schedules": ["0 5 * * 1-5"],
        "workflowSpec": {"workflowTemplateRef": {"name": "release"}},
    },
    "NodeStatus": {"id": "hello-1", "name": "hello", "type": "Pod", "phase": "Succeeded"},
    "Condition": {"type": "Completed", "status": "True"},
    # Events
    "events_shared.Backoff": {"duration": "1s", "factor": 2, "steps": 5},
    "EventBusSpec": {"jetstream": {"version": "latest", "replicas": 3}},
    "EventSourceSpec": {
        "webhook": {"push": {"port": "12000", "endpoint": "/push", "method": "POST"}}
    },
    "WebhookContext": {"port": "12000", "endpoint": "/push", "method": "POST"},
    "WebhookEventSource": {"port": "12000", "endpoint": "/push", "method": "POST"},
    "CalendarEventSource": {"schedule": "0 5 * * *", "timezone": "Europe/Berlin"},
    "GithubEventSource": {
        "repositories": [{"owner": "acme", "names": ["thing"]}],
        "webhook": {"port": "12000", "endpoint": "/push", "method": "POST"},
        "events": ["push"],
        "webhookSecret": {"name": "github", "key": "secret"},
    },
    "EventSourceFilter": {"expression": "body.action == 'opened'"},
    "SensorSpec": {
        "dependencies": [{"name": "push", "eventSourceName": "github", "eventName": "push"}],
        "triggers": [{"template": {"name": "print", "log": {}}}],
    },
    "EventDependency": {"name": "push", "eventSourceName": "github", "eventName": "push"},
    "EventDependencyFilter": {
        "data": [{"path": "body.ref", "type": "string", "value": ["refs/heads/main"]}]
    },
    "DataFilter": {"path": "body.ref", "type": "string", "value": ["refs/heads/main"]},
    "ExprFilter": {
        "expr": 'ref == "refs/heads/main"',
        "fields": [{"name": "ref", "path": "body.ref"}],
    },
    "TimeFilter": {"start": "08:00:00", "stop": "18:00:00", "timezone": "Europe/Berlin"},
    "Trigger": {"template": {"name": "print", "log": {}}},
    "TriggerTemplate": {"name": "print", "log": {}},
    "TriggerParameter": _FROM_EVENT,
    "TriggerParameterSource": {"dependencyName": "push", "dataKey": "body.ref"},
    "TriggerSource": {"configmap": {"name": "manifests", "key": "build.yaml"}},
    "StandardK8STrigger": {
        "operation": "create",
        "source": {"configmap": {"name": "manifests", "key": "job.yaml"}},
    },
    "ArgoWorkflowTrigger": {
        "operation": "submit",
        "source": {"configmap": {"name": "manifests", "key": "build.yaml"}},
        "parameters": [_FROM_EVENT],
    },
    "HTTPTrigger": {
        "url": "https://api.example.com/hook",
        "payload": [{"src": {"dependencyName": "push", "dataKey": "body"}, "dest": "push"}],
    },
    "RateLimit": {"unit": "Minute", "requestsPerUnit": 10},
    "TriggerPolicy": {"status": {"allow": [200, 201]}},
    "JetStreamBus": {"version": "latest", "replicas": 3},
    "JetStreamConfig": _BUS,
    "KafkaBus": {"url": "kafka.example.com:9092"},
    "NATSBus": {"native": {"replicas": 3, "auth": "token"}},
    "BasicAuth": {"username": {**_SECRET, "key": "user"}, "password": _SECRET},
    "TLSConfig": {"caCertSecret": {"name": "tls", "key": "ca.crt"}},
    "ConditionsResetCriteria": {"byTime": {"cron": "0 0 * * *"}},
}
"""By the type of the value; `module.Type` where two types share a name."""
