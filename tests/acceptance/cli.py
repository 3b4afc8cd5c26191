"""The command line in a namespace of one test."""

from __future__ import annotations

import json
import subprocess
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
