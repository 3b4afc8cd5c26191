"""What happens: the rules behind fields whose one line of documentation cannot say it all.

Keys are `Type.field`. One text per rule, shown as a list. Caller: `rendering`.
"""

from __future__ import annotations

from headrace.insight.explain.fields import Field

_TAGS = (
    "{{name}} is replaced by a value, {{=expression}} by the result of an expr expression; a value "
    "is never scanned again."
)
_EXPR = "The language is expr: a.b, ==, &&, matches, in, filter(xs, .n > 1), asInt(text)."

SEMANTICS: dict[str, tuple[str, ...]] = {
    "Template.steps": (
        "The outer list runs one group after another; the steps of a group run at the same time.",
        "A step sees the results of all earlier groups as steps.NAME, and none of its own group.",
        (
            "A group with a step that Failed or erred, without a continueOn for that, fails the "
            "template and no later group starts; the other steps of the group run to their end."
        ),
    ),
    "Template.dag": (
        (
            "A task starts when its `depends` (or `dependencies`) holds; without one it starts "
            "at once."
        ),
        "A task sees the results of the tasks it depends on, directly or not, as tasks.NAME.",
    ),
    "DAGTask.depends": (
        (
            "Operands: NAME.Succeeded, .Failed, .Errored, .Skipped, .Omitted, .Daemoned, and "
            "for loops .AnySucceeded and .AllFailed; joined by &&, || and !."
        ),
        "NAME alone means: it Succeeded, was Skipped, or is a daemon that is ready.",
        "It is evaluated once every named task and its hooks have ended: a || b waits for both.",
        (
            "When it does not hold the task is Omitted. Not together with `dependencies` or "
            "`continueOn`."
        ),
    ),
    "DAGTask.dependencies": ("[a, b] is the same as depends: a && b. Not together with it.",),
    "DAGTemplate.failFast": (
        "Branches that do not depend on a failed task run to their end either way.",
        "Where several targets failed, the first gives the DAG its phase; with false, the last.",
    ),
    "Call.when": (
        (
            "Tags are filled in first; what remains is a govaluate expression in which bare "
            "words are texts: {{inputs.parameters.mode}} == fast."
        ),
        "Numbers compare as numbers. It must give true or false. False: the node is Skipped.",
        "In a loop it is evaluated for each item.",
    ),
    "Call.withItems": (
        "{{item}} is the item; of an object also {{item.KEY}}.",
        (
            "The nodes are named NAME(0:item). The results of all that Succeeded are a JSON "
            "list: {{steps.NAME.outputs.result}}."
        ),
    ),
    "Call.withParam": (
        "After tags are filled in, a JSON list. An empty list skips the step.",
        "{{item}} is the item; of an object also {{item.KEY}}.",
    ),
    "Call.withSequence": (
        (
            "Items are texts: count numbers from start, or start to end with both included; it "
            "counts down when end is below start."
        ),
    ),
    "Call.continueOn": (
        "What follows runs although this ended badly, and the template does not fail for it.",
    ),
    "Call.template": ("One of template, templateRef and inline.",),
    "Call.arguments": (
        _TAGS,
        "Arguments that the template does not declare are ignored.",
    ),
    "WorkflowSpec.entrypoint": (
        "Needed unless the spec comes from a WorkflowTemplate that has one.",
        "The entrypoint's inputs take their values from spec.arguments of the same names.",
    ),
    "WorkflowSpec.arguments": (
        (
            "Read in any template as {{workflow.parameters.NAME}}. A submission may override "
            "the values."
        ),
    ),
    "WorkflowSpec.onExit": (
        "Runs at the end whatever happened, except after shutdown: Terminate.",
        (
            "It sees {{workflow.status}}, {{workflow.failures}} and {{workflow.duration}}. When "
            "it fails, the workflow that Succeeded fails."
        ),
    ),
    "WorkflowSpec.hooks": (
        (
            "`exit` is what onExit is. Any other name needs an expression over workflow.*, and "
            "runs once as soon as that holds, beside the workflow."
        ),
    ),
    "WorkflowSpec.parallelism": ("Counts pods, not nodes. What is too much waits.",),
    "WorkflowSpec.activeDeadlineSeconds": (
        "Counted from status.startedAt. Then all pods end and the workflow is Failed.",
    ),
    "WorkflowSpec.shutdown": (
        "Stop ends what runs and lets exit handlers run; Terminate ends those too.",
    ),
    "WorkflowSpec.workflowTemplateRef": (
        "The stored spec is merged under this one; `templates` may not be set here.",
        "The merged spec is kept in status when the run begins: later edits do not change it.",
    ),
    "WorkflowSpec.templateDefaults": ("A template's own fields win.",),
    "WorkflowSpec.podSpecPatch": (
        (
            "A strategic merge patch in YAML or JSON; tags are filled in. A template's patch "
            "comes after it."
        ),
    ),
    "Template.retryStrategy": (
        "The node becomes a Retry node with one child for each attempt, NAME(0), NAME(1)…",
        (
            "{{retries}} is the number of the attempt; {{lastRetry.exitCode}}, .status, "
            ".duration and .message are of the one before."
        ),
    ),
    "RetryStrategy.limit": ("The number of further attempts: limit 3 runs at most 4 times.",),
    "RetryStrategy.retryPolicy": (
        (
            "OnFailure: the container ended badly. OnError: the pod or its surroundings did (a "
            "lost host, a failed init). OnTransientError: an error whose message is known to "
            "pass."
        ),
    ),
    "RetryStrategy.expression": (
        "Variables: retries, lastRetry.exitCode, .status, .duration, .message; all are texts.",
        _EXPR,
    ),
    "RetryStrategy.backoff": (
        (
            "Wait number n is duration * factor^(n-1), at most cap. maxDuration counts from the "
            "start of the first attempt."
        ),
    ),
    "Template.timeout": (
        (
            "Counted from when the node was made, so waiting for a lock or a host counts. Not "
            "for steps and dag."
        ),
    ),
    "Template.activeDeadlineSeconds": (
        "The pod's own deadline, from its start. Not for steps and dag.",
    ),
    "Template.parallelism": ("Counts direct children that run.",),
    "Template.daemon": (
        (
            "The step counts as done once the pod is ready; {{steps.NAME.ip}} is its address. "
            "It ends with the template around it."
        ),
    ),
    "Template.synchronization": (
        "All locks are taken at once or none; in order of priority, then of age.",
        "Held by the node until it ends, retries included.",
    ),
    "Template.memoize": (
        "A hit gives the remembered outputs without running anything. Only successes are kept.",
    ),
    "Template.failFast": (
        (
            "After a direct child has failed no new one starts, and the template fails once "
            "nothing of it runs."
        ),
    ),
    "Outputs.result": ("{{steps.NAME.outputs.result}} of a container or script: what it printed.",),
    "Inputs.parameters": (
        (
            "{{inputs.parameters.NAME}} in the template. The caller's argument wins over "
            "`value`, and `value` over `default`."
        ),
    ),
    "Parameter.value": (
        "Numbers and booleans must be in quotes: the API server takes texts only.",
    ),
    "Parameter.enum": ("Checked for the arguments of a workflow.",),
    "SuspendTemplate.duration": ("Without it somebody has to resume: headrace resume NAME.",),
    "ResourceTemplate.successCondition": (
        (
            "A label selector over paths of the object: status.succeeded > 0, status.phase in "
            "(Done). Commas join; >= and quotes are not known."
        ),
    ),
    "CronWorkflowSpec.schedules": (
        (
            "Minute, hour, day of month, month, day of week (0 to 6, Sunday is 0). Runs that "
            "fall into the hour skipped by daylight saving are left out."
        ),
    ),
    "CronWorkflowSpec.concurrencyPolicy": (
        (
            "While the last run goes on: Allow starts another, Forbid skips, Replace ends the "
            "old one."
        ),
    ),
    "CronWorkflowSpec.startingDeadlineSeconds": (
        (
            "After a time without a controller, the latest missed run starts if it is at most "
            "so late."
        ),
    ),
    "Event.selector": (
        "Variables: payload, metadata, discriminator, namespace.",
        _EXPR,
    ),
    # Events
    "SensorSpec.dependencies": (
        (
            "Each names one event of one EventSource. A trigger without `conditions` waits for "
            "all of them; an event counts once."
        ),
    ),
    "TriggerTemplate.conditions": (
        "Names of dependencies with &&, || and parentheses: push && (approval || admin).",
        (
            "What has arrived is kept, also over restarts, until the whole holds or "
            "conditionsReset forgets it."
        ),
    ),
    "TriggerParameterSource.dataKey": (
        (
            "body.commits.0.id, body.commits.#.id, body.commits.#(author==x).id. The payload is "
            "what the source documents; most put the message under body."
        ),
        (
            "A template wins over a key, data over context; `value` is used when they give "
            "nothing. Without any of them the whole event is taken."
        ),
    ),
    "TriggerParameter.dest": (
        "A path in the object: spec.arguments.parameters.0.value. Missing parts are made.",
    ),
    "TriggerParameterSource.useRawData": (
        "Without it every value arrives as a text, numbers and objects too.",
    ),
    "DataFilter.value": ("One of these must fit; texts are regular expressions.",),
    "ExprFilter.expr": ("govaluate over the names in `fields`; what is no boolean does not pass.",),
    "EventSourceFilter.expression": (
        (
            "expr over the payload: body.action == 'opened'. Events for which it does not hold "
            "are not published."
        ),
    ),
    "Trigger.retryStrategy": ("steps is the number of attempts in all.",),
    "Trigger.dlqTrigger": ("Fires with the same events once the attempts are used up.",),
    "StandardK8STrigger.operation": (
        (
            "create gives the object a name that is derived from the events: the same events "
            "never make a second object."
        ),
    ),
}


def of_field(field: Field) -> tuple[str, ...]:
    """The rules of a field; none for most."""
    if field.source is None:
        return ()
    for kind in field.source[0].__mro__:
        if found := SEMANTICS.get(f"{kind.__name__}.{field.name}"):
            return found
    return ()
