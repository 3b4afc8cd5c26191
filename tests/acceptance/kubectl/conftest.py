"""One cluster for all tests of a worker, a namespace for each test, and kubectl itself."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.local_cluster import ROOT, LocalCluster

_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Done:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        """Standard output by lines."""
        return self.out.splitlines()


@dataclass(frozen=True)
class Kubectl:
    """kubectl in one namespace. A call must succeed; `fails` is for those that must not."""

    program: str
    kubeconfig: Path
    home: Path
    namespace: str

    def __call__(self, *arguments: str, stdin: Any = None, **environment: str) -> Done:
        done = self.run(*arguments, stdin=stdin, **environment)
        assert done.code == 0, f"kubectl {' '.join(arguments)}: {done.err}{done.out}"
        return done

    def fails(self, *arguments: str, stdin: Any = None) -> Done:
        """Run, and expect an exit code other than 0."""
        done = self.run(*arguments, stdin=stdin)
        assert done.code != 0, f"kubectl {' '.join(arguments)} succeeded: {done.out}"
        return done

    def run(self, *arguments: str, stdin: Any = None, **environment: str) -> Done:
        """Run, however it ends. `stdin` that is no text is sent as JSON, a list as many."""
        done = subprocess.run(
            self.command(*arguments),
            input=None if stdin is None else _text(stdin),
            env=self.environment() | environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def command(self, *arguments: str) -> list[str]:
        """The argument vector."""
        return [self.program, f"--namespace={self.namespace}", *arguments]

    def environment(self) -> dict[str, str]:
        """The variables that kubectl gets."""
        return {
            **os.environ,
            "KUBECONFIG": str(self.kubeconfig),
            "HOME": str(self.home),
        }

    def popen(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command that goes on (`-w`, `-f`)."""
        return subprocess.Popen(
            self.command(*arguments),
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )


def _text(stdin: Any) -> str:
    if isinstance(stdin, str):
        return stdin
    if isinstance(stdin, list):
        stdin = {"apiVersion": "v1", "kind": "List", "items": stdin}
    return json.dumps(stdin)


@pytest.fixture(scope="session")
def kubectl_program() -> str:
    """The path of a kubectl: the one on PATH or a pinned one."""
    done = subprocess.run(
        [str(ROOT / "scripts" / "fetch-kubectl")], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """Where kubectl keeps what it learned of the cluster."""
    with tempfile.TemporaryDirectory(prefix="kubectl-home-") as folder:
        yield Path(folder)


@pytest.fixture
def kubectl(running: LocalCluster, kubectl_program: str, home: Path) -> Kubectl:
    """kubectl in a namespace of this test's own."""
    name = f"test-{os.getpid()}-{next(_NUMBERS)}"
    tool = Kubectl(kubectl_program, running.folder / "kubeconfig", home, name)
    tool("create", "namespace", name)
    return tool
