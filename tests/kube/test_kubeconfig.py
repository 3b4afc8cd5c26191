"""Kubeconfigs are read as kubectl reads them, and what is wrong with one is said with its path."""

from __future__ import annotations

from pathlib import Path

import pytest

from kube import kubeconfig

CONFIG = """\
apiVersion: v1
kind: Config
current-context: {context}
contexts:
- name: 2026-01-31
  context: {{cluster: "c", user: u, namespace: 1:30}}
clusters:
- name: c
  cluster: {{server: "http://127.0.0.1:1"}}
users:
- name: u
  user: {{token: t}}
"""


def test_names_that_look_like_dates_are_names(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(CONFIG.format(context="2026-01-31"))
    access = kubeconfig.load(str(path))
    assert (access.server, access.namespace, access.token) == ("http://127.0.0.1:1", "1:30", "t")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: [\n", "is not YAML: yaml: "),
        (b"a: \xff\n", "not UTF-8"),
        (b"- a\n", "is not a map"),
        (CONFIG.format(context="gone").encode(), "no entry 'gone' in contexts"),
    ],
)
def test_a_broken_one_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "config"
    path.write_bytes(content)
    with pytest.raises(kubeconfig.ConfigError, match="config") as caught:
        kubeconfig.load(str(path))
    assert message in str(caught.value)
