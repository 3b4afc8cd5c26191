"""What a container says about its end: its termination log, or the tail of its output.

Source: Kubernetes `kuberuntime_container.go readTerminationMessage`: 4096 bytes; with
FallbackToLogsOnError and a failure, 2048 bytes or 80 lines of the log.
"""

from __future__ import annotations

import os

from headrace.local.kubelet import logreader
from headrace.local.kubelet.records import RunPaths
from kube.cluster import Object

MOST_BYTES, TAIL_BYTES, TAIL_LINES = 4096, 2048, 80


def read(container: Object, paths: RunPaths, code: int) -> str:
    """The message, empty for none."""
    text = _head(paths)
    wants = container.get("terminationMessagePolicy") == "FallbackToLogsOnError"
    if not text and code and wants:
        lines = logreader.tail(paths, TAIL_LINES)
        return b"".join(lines)[-TAIL_BYTES:].decode(errors="replace")
    return text


def _head(paths: RunPaths) -> str:
    try:
        descriptor = os.open(paths.termination_log, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(descriptor, MOST_BYTES).decode(errors="replace")
    finally:
        os.close(descriptor)
