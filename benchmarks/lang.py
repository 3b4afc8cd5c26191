"""Speed of the languages: tags, expressions, `when`, paths, templates, merges, schedules, scripts.

Usage: python benchmarks/lang.py
Prints one line a figure: what, microseconds each, and the target where there is one.
"""

from __future__ import annotations

import json
import sys
import timeit
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from lang import (
    cron,
    depends,
    expr,
    gjson,
    gotemplate,
    govaluate,
    jq,
    loops,
    lua,
    sjson,
    strategic_merge,
    tags,
    yaml,
)

PUSH = json.loads(
    (Path(__file__).parent.parent / "examples/github-ci/push.json").read_text(encoding="utf-8")
)

TEMPLATE: dict[str, Any] = {
    "name": "build",
    "inputs": {"parameters": [{"name": f"p{i}"} for i in range(8)]},
    "metadata": {"labels": {"app": "{{workflow.name}}", "step": "{{inputs.parameters.p0}}"}},
    "container": {
        "image": "registry.example.com/team/builder:{{inputs.parameters.p1}}",
        "command": ["sh", "-c"],
        "args": [
            "\n".join(
                f"echo 'stage {i} of {{{{workflow.name}}}}'; make target-{i}"
                f" OUT=/tmp/out/{{{{inputs.parameters.p{i % 8}}}}}"
                for i in range(16)
            )
        ],
        "env": [
            {"name": f"VAR_{i}", "value": f"value {{{{inputs.parameters.p{i}}}}}"} for i in range(8)
        ],
    },
}
SCOPE = {f"inputs.parameters.p{i}": f"value-{i}" for i in range(8)} | {"workflow.name": "wf-x1"}
POD = {
    "containers": [
        {
            "name": "main",
            "image": "app:1",
            "env": [{"name": f"E{i}", "value": str(i)} for i in range(10)],
            "resources": {"limits": {"cpu": "1", "memory": "1Gi"}},
            "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        },
        {"name": "wait", "image": "exec:1"},
    ],
    "volumes": [{"name": "data", "emptyDir": {}}, {"name": "cfg", "configMap": {"name": "c"}}],
    "tolerations": [{"key": "k", "operator": "Exists"}],
}
PATCH = {
    "containers": [
        {
            "name": "main",
            "resources": {"limits": {"memory": "2Gi"}},
            "env": [{"name": "E3", "value": "x"}, {"name": "NEW", "value": "y"}],
        }
    ],
    "nodeSelector": {"disk": "ssd"},
}
FILTER = expr.compile('body.ref == "refs/heads/main" and any(body.commits, .distinct)', "events")


def measure(name: str, run: Callable[[], Any], target: str = "", each: int = 1) -> None:
    timer = timeit.Timer(run)
    count, _ = timer.autorange()
    best = min(timer.repeat(3, count)) / count / each
    print(f"{name:44} {best * 1e6:10.2f} µs  {target}")


def main() -> None:
    template = tags.compile(TEMPLATE)
    replaced = 2 + 1 + 16 * 2 + 8
    measure("one tag of a 2 KB template", lambda: template.render(SCOPE), "≤ 100 µs", replaced)
    measure("compile that template", lambda: tags.compile(TEMPLATE))
    govaluate.when("Succeeded == Succeeded && 3 > 2")
    measure("when, cached", lambda: govaluate.when("Succeeded == Succeeded && 3 > 2"), "≤ 20 µs")
    numbers = iter(range(10**9))
    program = expr.compile('a > 1 && b == "x"')
    scope: dict[str, Any] = {"a": 2, "b": "x"}
    measure('expr, compiled: a > 1 && b == "x"', lambda: program.eval(scope), "≤ 2 µs")
    measure("expr, compiled, one of filters", lambda: FILTER.eval({"body": PUSH}))
    measure("expr, a new text", lambda: expr.Program(f"a > {next(numbers)}", "hook").eval(scope))
    path = 'commits.#(id!="")#.message'
    measure(
        "gjson: repository.full_name", lambda: gjson.get(PUSH, "repository.full_name"), "≤ 15 µs"
    )
    measure("gjson: a query over the commits", lambda: gjson.get(PUSH, path), "≤ 15 µs")
    measure("sjson: a value three levels deep", lambda: sjson.set(PUSH, "repository.owner.x", "v"))
    render = gotemplate.compile(
        "{{ .Input.ref }} {{ .Input.repository.name | upper }} {{ .Input.after | trunc 7 }} "
        '{{ len .Input.commits }} {{ .Input.pusher.name | default "x" }}'
    ).render
    measure("Go template of 5 actions", lambda: render({"Input": PUSH}), "≤ 60 µs")
    small = {"body": {"n": 3, "name": "web"}}
    measure("jq in the worker", lambda: jq.transform("{n: .body.n}", small))
    measure("Lua in the worker", lambda: lua.filter("return event.body.n == 3", small))
    measure("when, a new text", lambda: govaluate.when(f"{next(numbers)} > 2 && a == a"))
    logic = depends.compile({"depends": "A && (B.Failed || C)"}, [{"name": n} for n in "ABC"])
    results = {n: depends.TaskResult(succeeded=True) for n in "ABC"}
    measure("depends", lambda: logic.eval(results))
    measure(
        "strategic merge of a PodSpec", lambda: strategic_merge.pod_spec(POD, PATCH), "≤ 100 µs"
    )
    task = {
        "name": "t",
        "template": "x",
        "arguments": {"parameters": [{"name": "p", "value": "{{item}}"}]},
        "withSequence": {"count": 1000},
    }
    measure("one item of a loop", lambda: loops.expand(task, {}), "", 1000)
    schedule = cron.parse("30 4 * * MON-FRI", "Europe/Paris")
    moment = datetime(2024, 2, 3, tzinfo=UTC)
    measure("cron next", lambda: schedule.next(moment))
    text = yaml.to_yaml({"spec": {"templates": [TEMPLATE] * 20}})
    measure("load 50 KB of YAML", lambda: yaml.load_all(text))


main()
