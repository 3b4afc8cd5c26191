"""Random workflows, and how each of their pods ends: both follow from the seed alone."""

from __future__ import annotations

import random
from typing import Any

from kube.cluster import Object

LEAF: Object = {"name": "w", "container": {"image": "alpine", "command": ["true"]}}
RETRIED: Object = {**LEAF, "name": "r", "retryStrategy": {"limit": 2}}
BACKED: Object = {
    **LEAF,
    "name": "b",
    "retryStrategy": {"limit": 2, "backoff": {"duration": "5", "factor": 2}},
}
LOCKED: Object = {**LEAF, "name": "l", "synchronization": {"mutexes": [{"name": "m"}]}}
PAUSE: Object = {"name": "p", "suspend": {"duration": "7"}}
TELLS: Object = {
    "name": "o",
    "container": {"image": "alpine", "command": ["true"]},
    "outputs": {"parameters": [{"name": "x", "valueFrom": {"path": "/x"}}]},
}
STEPS: Object = {
    "name": "s",
    "steps": [
        [{"name": "a", "template": "o"}],
        [
            {
                "name": "b",
                "template": "i",
                "arguments": {
                    "parameters": [{"name": "x", "value": "{{steps.a.outputs.parameters.x}}"}]
                },
            },
            {"name": "c", "template": "w"},
        ],
    ],
}
TAKES: Object = {**LEAF, "name": "i", "inputs": {"parameters": [{"name": "x"}]}}
TEMPLATES = [LEAF, RETRIED, BACKED, LOCKED, PAUSE, TELLS, TAKES, STEPS]
CHOICES = ["w", "w", "r", "b", "l", "p", "o", "s"]


def workflows(rng: random.Random) -> list[Object]:
    """One to three of them."""
    return [_workflow(rng, f"wf{n}") for n in range(rng.randint(1, 3))]


def _workflow(rng: random.Random, name: str) -> Object:
    tasks = []
    for index in range(rng.randint(1, 7)):
        needs = rng.sample(range(index), rng.randint(0, min(index, 2)))
        task: dict[str, Any] = {
            "name": f"t{index}",
            "template": rng.choice(CHOICES),
            "dependencies": [f"t{need}" for need in sorted(needs)],
        }
        if rng.random() < 0.5:
            task["continueOn"] = {"failed": True}
        if rng.random() < 0.2:
            task["withItems"] = [1, 2, 3]
        if rng.random() < 0.15:
            task["when"] = rng.choice(["1 == 1", "1 == 2"])
        tasks.append(task)
    main: dict[str, Any] = {"name": "main", "dag": {"tasks": tasks}}
    if rng.random() < 0.3:
        main["parallelism"] = rng.choice([1, 2])
    spec: dict[str, Any] = {"entrypoint": "main", "templates": [main, *TEMPLATES]}
    if rng.random() < 0.3:
        spec["parallelism"] = 3
    if rng.random() < 0.3:
        spec["onExit"] = "w"
    if rng.random() < 0.5:
        spec["podGC"] = {
            "strategy": rng.choice(["OnPodCompletion", "OnPodSuccess", "OnWorkflowCompletion"]),
            "deleteDelayDuration": rng.choice(["0s", "5s"]),
        }
    return {"metadata": {"name": name, "namespace": "ns"}, "spec": spec}


def fails(node_id: str, seed: int) -> bool:
    """Whether the pod of a node fails: by the last digits of its id."""
    digits = node_id.rpartition("-")[2]
    return digits.isdigit() and (int(digits) + seed) % 5 == 0
