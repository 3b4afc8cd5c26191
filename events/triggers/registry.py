"""Every trigger kind headrace serves, by its field in a trigger template."""

from __future__ import annotations

from events.triggers import (
    argo_workflow,
    aws_lambda,
    azure_event_hubs,
    azure_service_bus,
    custom,
    email,
    http,
    k8s,
    kafka,
    log,
    nats,
    open_whisk,
    pulsar,
    slack,
)
from events.triggers.contract import Trigger

TRIGGERS: dict[str, Trigger] = {
    "argoWorkflow": argo_workflow.ArgoWorkflowTrigger(),
    "awsLambda": aws_lambda.AwsLambdaTrigger(),
    "azureEventHubs": azure_event_hubs.AzureEventHubsTrigger(),
    "azureServiceBus": azure_service_bus.AzureServiceBusTrigger(),
    "custom": custom.CustomTrigger(),
    "email": email.EmailTrigger(),
    "http": http.HttpTrigger(),
    "k8s": k8s.KubernetesTrigger(),
    "kafka": kafka.KafkaTrigger(),
    "log": log.LogTrigger(),
    "nats": nats.NatsTrigger(),
    "openWhisk": open_whisk.OpenWhiskTrigger(),
    "pulsar": pulsar.PulsarTrigger(),
    "slack": slack.SlackTrigger(),
}

# A template with several kinds is served as the first of them in this order.
ORDER = (
    "k8s",
    "argoWorkflow",
    "http",
    "awsLambda",
    "azureEventHubs",
    "azureServiceBus",
    "kafka",
    "pulsar",
    "nats",
    "slack",
    "openWhisk",
    "custom",
    "log",
    "email",
)
