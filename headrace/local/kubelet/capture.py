"""What a workflow pod takes in before its main container and leaves behind after it.

The engine writes the annotation `headrace.dev/capture` on the pod:

    {"stdout": bool,                     keep the end of main's stdout as `result`
     "parameters": [{"name", "path"}],   contents of files
     "artifacts": [{"name", "path",      a file or folder
                    "archive": "tgz" | "zip" | "none",
                    "url" | "dir",       PUT there, or copied into a folder of this machine
                    "optional": bool}],
     "inputs": [{"name", "path", "archive", "mode", "optional",
                 "url" | "dir" | "raw"}]}

The kubelet answers in the annotation `headrace.dev/outputs`, in the same write as the pod's
final phase, so that nobody sees the end without the outputs:

    {"result": str, "exitCode": str, "parameters": {name: text},
     "artifacts": {name: {"size": bytes}}, "missing": [name, …], "error": str}

`file:` URLs and `dir` reach only the folders of `Policy.artifact_folders`. Texts lose one final
newline; `result` is the last 256 KiB; a larger parameter is an error.
Source of these rules: Argo Workflows' emissary and wait container.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headrace.local.kubelet import archives, transfer
from headrace.local.kubelet.containerstate import ContainerState
from headrace.local.kubelet.errors import CaptureError
from headrace.local.kubelet.policy import Policy
from headrace.local.kubelet.privateroot import Bind
from headrace.local.kubelet.records import RunPaths
from headrace.local.kubelet.tools import Tools
from kube.cluster import Object

CAPTURE = "headrace.dev/capture"
OUTPUTS = "headrace.dev/outputs"
MAIN = "headrace.dev/main-containers"
NODE_ID = "workflows.argoproj.io/node-id"
RESULT_BYTES = 256 * 1024
ANNOTATION_BYTES = 256 * 1024
"""What Kubernetes allows for all annotations of an object, names and values."""
DONE = ".staged"

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """The annotation, decoded. `problem` says why it could not be."""

    stdout: bool = False
    parameters: Sequence[Entry] = ()
    artifacts: Sequence[Entry] = ()
    inputs: Sequence[Entry] = ()
    problem: str = ""


@dataclass(slots=True)
class Outcome:
    """What was collected."""

    result: str | None = None
    parameters: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, dict[str, Any]] | None = None
    missing: list[str] = field(default_factory=list)
    error: str = ""

    def as_json(self, exit_code: int, room: int = ANNOTATION_BYTES) -> str:
        """The annotation's text, in `room` bytes: of a result that is too long, the end."""
        text = self._json(exit_code)
        if (excess := len(text.encode()) - room) > 0 and self.result is not None:
            self.result = _shorter(self.result, excess)
            text = self._json(exit_code)
        if len(text.encode()) > room:
            self.parameters, self.result = {}, None
            problem = f"the outputs together are larger than {room} bytes; make them artifacts"
            self.error = "; ".join(filter(None, [self.error[:1000], problem]))
            text = self._json(exit_code)
        return text

    def _json(self, exit_code: int) -> str:
        made: dict[str, Any] = {"exitCode": str(exit_code), "parameters": self.parameters}
        if self.result is not None:
            made["result"] = self.result
        if self.artifacts is not None:
            made["artifacts"] = self.artifacts
        if self.missing:
            made["missing"] = self.missing
        if self.error:
            made["error"] = self.error
        return json.dumps(made, ensure_ascii=False)


def plan_of(pod: Object) -> Plan | None:
    """The pod's plan, None when it has none."""
    text = (pod["metadata"].get("annotations") or {}).get(CAPTURE)
    if text is None:
        return None
    try:
        fields = json.loads(text)
        plan = Plan(
            bool(fields.get("stdout")),
            list(fields.get("parameters") or ()),
            list(fields.get("artifacts") or ()),
            list(fields.get("inputs") or ()),
        )
        for entry in (*plan.parameters, *plan.artifacts, *plan.inputs):
            if not str(entry["name"]) or not str(entry["path"]).startswith("/"):
                raise ValueError(f"{entry['name']!r} has no absolute path")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return Plan(problem=f"annotation {CAPTURE}: {error}")
    return plan


def room_in(pod: Object) -> int:
    """The bytes that the outputs may have beside the pod's other annotations."""
    annotations = pod["metadata"].get("annotations") or {}
    taken = sum(
        len(k.encode()) + len(str(v).encode()) for k, v in annotations.items() if k != OUTPUTS
    )
    return ANNOTATION_BYTES - taken - len(OUTPUTS)


def _shorter(text: str, excess: int) -> str:
    """`text` without so much of its beginning that its JSON is `excess` bytes shorter."""
    low, high = 0, len(text)
    wanted = len(json.dumps(text, ensure_ascii=False).encode()) - excess
    while low < high:
        middle = (low + high) // 2
        if len(json.dumps(text[middle:], ensure_ascii=False).encode()) <= wanted:
            high = middle
        else:
            low = middle + 1
    return text[low:]


def main_names(pod: Object) -> tuple[str, ...]:
    """The workflow's own containers, `main` first; empty for pods that are no workflow's."""
    annotations = pod["metadata"].get("annotations") or {}
    if CAPTURE not in annotations and NODE_ID not in annotations:
        return ()
    present = [c["name"] for c in pod["spec"]["containers"]]
    named = [n for n in (annotations.get(MAIN) or "main").split(",") if n in present]
    return tuple(sorted(named, key=lambda name: name != "main")) or (present[0],)


# -- before -------------------------------------------------------------------------------------


async def staged(plan: Plan, folder: Path, volumes: Sequence[Bind], policy: Policy) -> list[Bind]:
    """Place the inputs, once; the binds that show those which lie in no volume.

    Raises CaptureError for an input that cannot be had.
    """
    inputs = folder / "inputs"
    done = inputs / DONE
    fresh = not await asyncio.to_thread(done.exists)
    binds = []
    for number, entry in enumerate(plan.inputs):
        target, bound = _place(inputs / str(number), entry["path"], volumes)
        if fresh:
            try:
                await _stage(entry, target, inputs / f"{number}.part", policy)
            except FileNotFoundError as error:
                if entry.get("optional"):
                    continue
                raise CaptureError(f'input artifact "{entry["name"]}": {error}') from error
            except OSError as error:
                raise CaptureError(f'input artifact "{entry["name"]}": {error}') from error
        if bound and (not entry.get("optional") or await asyncio.to_thread(target.exists)):
            binds.append(Bind(str(target), entry["path"].rstrip("/"), False))
    await asyncio.to_thread(done.touch)
    return binds


def _place(own: Path, path: str, volumes: Sequence[Bind]) -> tuple[Path, bool]:
    """Where an input goes: into the volume that holds its path, else beside the pod's files."""
    wanted = os.path.normpath(path)
    for item in sorted(volumes, key=lambda b: -len(b.target)):
        root = os.path.normpath(item.target)
        if wanted.startswith(root + "/"):
            source = Path(os.path.realpath(item.source))
            target = Path(os.path.realpath(source / os.path.relpath(wanted, root)))
            if source not in target.parents:
                raise CaptureError(f"input path {path} leads out of its volume")
            return target, False
    return own, True


async def _stage(entry: Entry, target: Path, part: Path, policy: Policy) -> None:
    await asyncio.to_thread(_parents, target, part)
    if "raw" in entry:
        await asyncio.to_thread(part.write_text, entry["raw"])
    elif "dir" in entry:
        await transfer.fetch(_file_url(entry["dir"]), part, policy)
    else:
        await transfer.fetch(entry["url"], part, policy)
    archive = "none" if "raw" in entry else entry.get("archive") or "tgz"
    await asyncio.to_thread(archives.unpack, part, target, archive, policy.most_download)
    if entry.get("mode") is not None:
        await asyncio.to_thread(
            archives.set_mode, target, int(entry["mode"]), bool(entry.get("recurseMode"))
        )


def _file_url(path: str) -> str:
    return Path(os.path.abspath(path)).as_uri()


def _parents(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)


# -- after --------------------------------------------------------------------------------------


async def collected(
    plan: Plan, state: ContainerState, binds: Sequence[Bind], tools: Tools
) -> Outcome:
    """Everything that the plan asks for; what failed is in `error`. Raises nothing."""
    outcome = Outcome(error=plan.problem)
    paths = state.paths
    assert paths is not None

    def located(path: str) -> Path | None:
        return tools.runtime.host_path(paths, binds, path)

    if plan.stdout:
        outcome.result = await asyncio.to_thread(_result, paths)
    problems: list[str] = []
    for entry in plan.parameters:
        try:
            found = await asyncio.to_thread(located, entry["path"])
            value = await asyncio.to_thread(_value, found, tools.policy.captured_value)
            if value is None:
                outcome.missing.append(entry["name"])
            else:
                outcome.parameters[entry["name"]] = value
        except OSError as error:
            problems.append(f'output parameter "{entry["name"]}": {error}')
    if plan.artifacts:
        outcome.artifacts = {}
    for entry in plan.artifacts:
        try:
            found = await asyncio.to_thread(located, entry["path"])
            if found is None:
                outcome.missing.append(entry["name"])
                if not entry.get("optional"):
                    problems.append(
                        f'output artifact "{entry["name"]}": {entry["path"]} does not exist'
                    )
                continue
            size = await _save(entry, found, paths.folder, tools.policy)
            assert outcome.artifacts is not None
            outcome.artifacts[entry["name"]] = {"size": size}
        except OSError as error:
            problems.append(f'output artifact "{entry["name"]}": {error}')
    outcome.error = "; ".join(filter(None, [outcome.error, *problems]))
    return outcome


def _result(paths: RunPaths) -> str:
    try:
        data = (paths.folder / "result").read_bytes()
    except FileNotFoundError:
        return ""
    return data.removesuffix(b"\n")[-RESULT_BYTES:].decode(errors="replace")


def _value(path: Path | None, most: int) -> str | None:
    if path is None:
        return None
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(f"the file holds more than {most} bytes; make it an artifact")
    return data.removesuffix(b"\n").decode(errors="replace")


async def _save(entry: Entry, found: Path, folder: Path, policy: Policy) -> int:
    archive = entry.get("archive") or "tgz"
    name = Path(entry["path"]).name or "artifact"
    url = entry.get("url") or _file_url(os.path.join(entry["dir"], entry["name"]))
    packed = found
    if archive != "none":
        packed = folder / f"artifact-{entry['name'].replace('/', '_')}"
        await asyncio.to_thread(archives.pack, found, packed, archive, name)
    try:
        return await transfer.store(packed, url, policy)
    finally:
        if packed != found:
            await asyncio.to_thread(packed.unlink, missing_ok=True)
