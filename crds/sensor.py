"""Sensor: which events are waited for, and what they do. Source: Argo Events v1.9."""

from __future__ import annotations

from crds.events_shared import Backoff, EventContext, PodTemplate
from crds.shape import Int32, JsonDict, ObjectMeta, Shape
from crds.triggers import (
    ArgoWorkflowTrigger,
    AWSLambdaTrigger,
    AzureEventHubsTrigger,
    AzureServiceBusTrigger,
    CustomTrigger,
    EmailTrigger,
    HTTPTrigger,
    KafkaTrigger,
    LogTrigger,
    NATSTrigger,
    OpenWhiskTrigger,
    PulsarTrigger,
    SlackTrigger,
    StandardK8STrigger,
    TriggerParameter,
)


class EventDependencyTransformer(Shape, frozen=True):
    """How an event is changed; one of the fields."""

    jq: str = ""  # jq program over the event
    script: str = ""  # Lua program over the event


class PayloadField(Shape, frozen=True):
    """A name for a part of the payload."""

    path: str = ""  # gjson path into the payload
    name: str = ""  # name in the expression


class ExprFilter(Shape, frozen=True):
    """An expression on parts of the payload."""

    expr: str = ""  # expression over the fields
    fields: list[PayloadField] | None = None  # names for parts of the payload


class DataFilter(Shape, frozen=True):
    """One condition on the payload."""

    path: str = ""  # gjson path into the payload
    type: str = ""  # bool, number or string
    value: list[str] | None = None  # the values, one must fit
    comparator: str = ""  # how numbers and texts are compared: >= > = != < <=
    template: str = ""  # Go template that changes the value first


class TimeFilter(Shape, frozen=True):
    """A time of day; it may pass midnight."""

    start: str = ""  # from this time of day, hh:mm:ss
    stop: str = ""  # until this time of day, hh:mm:ss
    timezone: str = ""  # IANA name of the time zone


class EventDependencyFilter(Shape, frozen=True):
    """Which events pass; groups are joined by the dependency's operator."""

    time: TimeFilter | None = None  # only within a time of day
    context: EventContext | None = None  # what the event's attributes must be
    data: list[DataFilter] | None = None  # conditions on the payload
    exprs: list[ExprFilter] | None = None  # expressions on the payload
    data_logical_operator: str = ""  # and (the default) or or: how data filters are joined
    expr_logical_operator: str = ""  # and (the default) or or: how expressions are joined
    script: str = ""  # Lua program that says true or false


class EventDependency(Shape, frozen=True):
    """One kind of event a Sensor waits for."""

    name: str = ""  # unique within the Sensor
    event_source_name: str = ""  # name of the EventSource
    event_name: str = ""  # name of the event in it
    filters: EventDependencyFilter | None = None  # only events that pass
    transform: EventDependencyTransformer | None = None  # changes the event before the filters
    filters_logical_operator: str = ""  # and (the default) or or: how groups of filters are joined


class ConditionsResetByTime(Shape, frozen=True):
    """A schedule on which they are forgotten."""

    cron: str = ""  # cron line of five fields
    timezone: str = ""  # IANA name of the time zone


class ConditionsResetCriteria(Shape, frozen=True):
    """When half-arrived conditions are forgotten."""

    by_time: ConditionsResetByTime | None = None  # at certain times


class TriggerTemplate(Shape, frozen=True):
    """What a trigger does; one of the kinds."""

    name: str = ""  # unique within the Sensor
    conditions: str = ""  # expression over dependency names, all of them when empty
    k8s: StandardK8STrigger | None = None  # work on a Kubernetes object
    argo_workflow: ArgoWorkflowTrigger | None = None  # work on a Workflow
    http: HTTPTrigger | None = None  # make an HTTP request
    aws_lambda: AWSLambdaTrigger | None = None  # call an AWS Lambda function
    custom: CustomTrigger | None = None  # call a gRPC server
    kafka: KafkaTrigger | None = None  # send to Kafka
    nats: NATSTrigger | None = None  # send to NATS
    slack: SlackTrigger | None = None  # send a Slack message
    open_whisk: OpenWhiskTrigger | None = None  # call an OpenWhisk action
    log: LogTrigger | None = None  # write a log line
    azure_event_hubs: AzureEventHubsTrigger | None = None  # send to Azure Event Hubs
    pulsar: PulsarTrigger | None = None  # send to Pulsar
    # when half-arrived conditions are forgotten
    conditions_reset: list[ConditionsResetCriteria] | None = None
    azure_service_bus: AzureServiceBusTrigger | None = None  # send to Azure Service Bus
    email: EmailTrigger | None = None  # send an e-mail


class K8SResourcePolicy(Shape, frozen=True):
    """Success by labels of the object."""

    labels: dict[str, str] | None = None  # labels that mark the object as done
    backoff: Backoff | None = None  # how often the object is looked at
    error_on_backoff_timeout: bool = False  # it failed when the labels did not appear in time


class StatusPolicy(Shape, frozen=True):
    """Success by status code."""

    allow: list[Int32] | None = None  # status codes that are fine


class TriggerPolicy(Shape, frozen=True):
    """What counts as success; one of the fields."""

    k8s: K8SResourcePolicy | None = None  # by labels of the object
    status: StatusPolicy | None = None  # by HTTP status


class RateLimit(Shape, frozen=True):
    """Most firings in a time."""

    unit: str = ""  # Second, Minute or Hour
    requests_per_unit: Int32 | None = None  # how many in that time


class Trigger(Shape, frozen=True):
    """One thing a Sensor does."""

    template: TriggerTemplate | None = None  # what it does
    parameters: list[TriggerParameter] | None = None  # event data put into the trigger itself
    policy: TriggerPolicy | None = None  # what counts as success
    retry_strategy: Backoff | None = None  # how the trigger is tried again
    rate_limit: RateLimit | None = None  # most firings
    at_least_once: bool = False  # done only once the trigger succeeded
    dlq_trigger: Trigger | None = None  # trigger for events whose firing failed


class SensorSpec(Shape, frozen=True):
    """Which events, and what they do."""

    dependencies: list[EventDependency] | None = None  # the events it waits for
    triggers: list[Trigger] | None = None  # what it does then
    template: PodTemplate | None = None  # how the pods look
    error_on_failed_round: bool = False  # end the process when a round fails
    event_bus_name: str = ""  # name of the EventBus, default when empty
    replicas: Int32 | None = None  # how many pods
    revision_history_limit: Int32 | None = None  # how many old ReplicaSets to keep
    logging_fields: dict[str, str] | None = None  # fields added to log lines


class Sensor(Shape, frozen=True):
    """Waits for events and does something."""

    api_version: str = ""  # always argoproj.io/v1alpha1
    kind: str = ""  # always Sensor
    metadata: ObjectMeta | None = None  # name, labels and so on
    spec: SensorSpec | None = None  # which events, and what they do
    status: JsonDict | None = None  # conditions; written by the controller
