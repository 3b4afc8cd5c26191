"""The command line in a namespace of one test."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.acceptance.local_cluster import LocalCluster


@dataclass(frozen=True)
class Cli:
    """headrace in a namespace of one test."""

    cluster: LocalCluster
    namespace: str

    def run(self, *arguments: str, stdin: Any = None) -> subprocess.CompletedProcess[str]:
        text = stdin if isinstance(stdin, str) or stdin is None else json.dumps(stdin)
        return self.cluster.cli(*arguments, "-n", self.namespace, input=text)

    def __call__(self, *arguments: str, stdin: Any = None) -> str:
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def fails(self, *arguments: str, stdin: Any = None) -> str:
        done = self.run(*arguments, stdin=stdin)
        assert done.returncode != 0, done.stdout
        assert "Traceback" not in done.stderr
        return done.stderr + done.stdout

    def until(self, check: Callable[[], bool], seconds: float = 30.0) -> None:
        """Ask again and again; fails when `check` does not come true."""
        end = time.monotonic() + seconds
        while not check():
            assert time.monotonic() < end, "it never came true"
            time.sleep(0.05)
