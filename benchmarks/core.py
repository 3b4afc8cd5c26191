"""How fast the pure core is: facts in, decisions out, no cluster, virtual time.

    python -m benchmarks.core [fan-out N | chain N | many N]

Without arguments: fan-outs of 1k, 10k and 100k items, a chain of 10k tasks and 5,000 workflows of
10 nodes. Prints wall seconds, microseconds per node and peak memory.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import time
from collections import deque
from typing import Any

from engine.core import project
from engine.core.advance import advance
from engine.core.decisions import SetTimer, StartLeaf
from engine.core.facts import LeafChanged, LeafOutputs, Submitted, TimerFired
from engine.core.phases import Phase
from engine.core.run import Run

CONTAINER = {"image": "alpine", "command": ["sh", "-c"], "args": ["echo {{inputs.parameters.x}}"]}
INPUT = {"parameters": [{"name": "x"}]}


def fan_out(size: int) -> dict[str, Any]:
    """One looped task and a task that joins it."""
    given = {"parameters": [{"name": "x", "value": "{{item}}"}]}
    tasks = [
        {
            "name": "work",
            "template": "w",
            "arguments": given,
            "withSequence": {"count": str(size)},
        },
        {
            "name": "join",
            "template": "w",
            "dependencies": ["work"],
            "arguments": {"parameters": [{"name": "x", "value": "end"}]},
        },
    ]
    return _workflow([{"name": "main", "dag": {"tasks": tasks}}])


def chain(size: int) -> dict[str, Any]:
    """Tasks one after the other."""
    given = {"parameters": [{"name": "x", "value": "1"}]}
    tasks = [
        {"name": f"t{n}", "template": "w", "arguments": given}
        | ({"dependencies": [f"t{n - 1}"]} if n else {})
        for n in range(size)
    ]
    return _workflow([{"name": "main", "dag": {"tasks": tasks}}])


def _workflow(templates: list[dict[str, Any]]) -> dict[str, Any]:
    leaf = {"name": "w", "inputs": INPUT, "container": CONTAINER}
    return {
        "metadata": {
            "name": "bench",
            "namespace": "default",
            "uid": "u",
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {"entrypoint": "main", "templates": [*templates, leaf]},
    }


def play(workflow: dict[str, Any]) -> Run:
    """Run a workflow whose leaves succeed at once; statuses are projected on the way."""
    run = Run()
    now = 1_767_225_600.0
    waiting: deque[Any] = deque(advance(run, Submitted(workflow), now))
    done = LeafOutputs(exit_code="0")
    count = 0
    while waiting:
        decision = waiting.popleft()
        count += 1
        if isinstance(decision, StartLeaf):
            node = decision.node_id
            waiting.extend(advance(run, LeafChanged(node, Phase.RUNNING), now))
            fact = LeafChanged(node, Phase.SUCCEEDED, outputs=done)
            waiting.extend(advance(run, fact, now + 1))
        elif isinstance(decision, SetTimer):
            waiting.extend(advance(run, TimerFired(), decision.moment))
        if count % 500 == 0:
            project.delta(run)
    project.delta(run)
    assert run.phase is Phase.SUCCEEDED, run.message
    return run


def measure(kind: str, size: int) -> None:
    """Run one shape and print what it cost."""
    begun = time.perf_counter()
    if kind == "many":
        for _ in range(size):
            play(fan_out(8))
        nodes = size * 10
    else:
        run = play(fan_out(size) if kind == "fan-out" else chain(size))
        nodes = len(run.nodes)
    wall = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{kind:8} {size:7,}  {wall:7.2f} s  {wall / nodes * 1e6:6.0f} us/node"
        f"  {peak:6.0f} MiB peak"
    )


def main(words: list[str]) -> None:
    """The shapes named on the command line, or all; each in a process of its own."""
    shapes = [("fan-out", 1000), ("fan-out", 10_000), ("fan-out", 100_000)]
    shapes += [("chain", 10_000), ("many", 5000)]
    if words:
        shapes = [(words[0], int(words[1]))]
    for shape in shapes:
        process = multiprocessing.get_context("spawn").Process(target=measure, args=shape)
        process.start()
        process.join()


if __name__ == "__main__":
    main(sys.argv[1:])
