"""`python -m benchmarks.lint`: decoding and validating a workflow, linting files, importing `crds`.

Also bad input: how long a hostile text takes, and how much memory the process needs for it.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from crds.validation import Library, validate_workflow
from headrace.insight.lint import reading, running
from lang import yaml

TASKS, FILES = 200, 200


def main() -> None:
    """Print the table."""
    manifest = yaml.to_yaml(workflow(TASKS))
    item = yaml.load(manifest)
    library = Library()
    validated = _median(lambda: validate_workflow(item, library), 20)
    _row(f"decode and validate {TASKS} tasks", "<= 15 ms", f"{validated * 1000:.1f} ms")
    with tempfile.TemporaryDirectory() as folder:
        for number in range(FILES):
            Path(folder, f"{number}.yaml").write_text(yaml.to_yaml(workflow(10, f"w{number}")))
        took = _median(lambda: running.lint(reading.read((folder,)).by_file), 3)
    _row(f"lint of {FILES} files of 10 tasks", "<= 2 s", f"{took:.2f} s")
    _row("import crds", "<= 80 ms", f"{_import() * 1000:.0f} ms")
    for name, text in hostile().items():
        seconds, memory = _alone(text)
        _row(f"bad input: {name}", "1 s, 200 MB", f"{seconds:.2f} s, {memory:.0f} MB")


def workflow(tasks: int, name: str = "bench") -> dict[str, Any]:
    """A DAG of so many tasks, each waiting for the one before."""
    parameter = [{"name": "x", "value": "{{workflow.parameters.who}}"}]
    dag = [
        {"name": f"t{n}", "template": "leaf", "arguments": {"parameters": parameter}}
        | ({"dependencies": [f"t{n - 1}"]} if n else {})
        for n in range(tasks)
    ]
    script = {"image": "alpine:3.20", "command": ["sh", "-c"], "args": ['echo "$X"']}
    env = [{"name": "X", "value": "{{inputs.parameters.x}}"}]
    leaf = {"name": "leaf", "inputs": {"parameters": [{"name": "x"}]}}
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name},
        "spec": {
            "entrypoint": "main",
            "arguments": {"parameters": [{"name": "who", "value": "you"}]},
            "templates": [
                {"name": "main", "dag": {"tasks": dag}},
                leaf | {"container": script | {"env": env}},
            ],
        },
    }


def hostile() -> dict[str, str]:
    """Texts that must end soon, in an error."""
    return {
        "5 MB of mappings": "- x: y\n" * 750_000,
        "100,000 documents": "---\nkind: Workflow\n" * 100_000,
        "NUL bytes": "kind: Workflow\n\0\n" * 10_000,
        "nesting": "[" * 1_000_000,
        "laughs": "a: &a [1,1]\n"
        + "".join(
            f"b{i}: &b{i} [{', '.join([f'*b{i - 1}' if i else '*a'] * 9)}]\n" for i in range(12)
        ),
    }


def _median(body: Callable[[], Any], times: int) -> float:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        body()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def _import() -> float:
    program = "import time; t = time.perf_counter(); import crds; print(time.perf_counter() - t)"
    runs = [
        float(
            subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout
        )
        for _ in range(5)
    ]
    return statistics.median(runs)


def _alone(text: str) -> tuple[float, float]:
    """Seconds and peak MB of linting a text in a process of its own."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write(text)
        file.flush()
        command = [sys.executable, "-m", "benchmarks.lint", file.name]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, memory, errors = done.stdout.split()
    assert int(errors) > 0, "hostile input was taken"
    return float(seconds), float(memory)


def _row(what: str, bar: str, measured: str) -> None:
    print(f"  {what:40}{bar:>14}{measured:>20}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        start = time.perf_counter()
        report = running.lint(reading.read((sys.argv[1],)).by_file)
        spent = time.perf_counter() - start
        status = Path("/proc/self/status").read_text().splitlines()
        peak = int(next(s for s in status if s.startswith("VmHWM:")).split()[1]) / 1000
        print(spent, peak, sum(f.severity == "error" for f in report.findings))
    else:
        main()
