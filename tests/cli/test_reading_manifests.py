"""What `apply`, `submit` and others say about files that cannot be read."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import click
import pytest

from headrace.cli import manifests

OBJECT = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}}


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(click.ClickException) as caught:
        manifests.read((str(path),))
    return caught.value.message.replace(str(path), "FILE")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: 1\nb: [x\nc: 2\n", "FILE:3:2: did not find expected ',' or ']'"),
        (b"a: 1\nb: \x00\n", "FILE:2:4: control characters are not allowed"),
        (b"a: 1\nb: \xff\n", "FILE: yaml: line 2: not UTF-8 text (byte 8)"),
        (b"- " * 5000 + b"a", "FILE:1:401: nested too deeply"),
        (b"a: 1\n---\n" * 100_000, "FILE:40000:1: more than 20000 documents"),
        (b"\xff\xfea\x00:\x00\n", "FILE: yaml: line 1: not UTF-16 text"),
        (b"a: 1\n---\nb: *x\n", "FILE:3:4: unknown anchor 'x' referenced"),
        (b"\n- 1\n", "FILE:2: not an object"),
        (b"a: 1\n", "FILE:1: apiVersion is missing"),
        (b"", "no objects found in FILE"),
        (b"---\n# nothing\n", "no objects found in FILE"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(
    tmp_path: Path, content: bytes, message: str
) -> None:
    assert message in refused(tmp_path / "x.yaml", content)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(
        json.dumps({**OBJECT, "data": {"k": "ä☃"}}, ensure_ascii=False).encode(encoding)
    )
    [found] = manifests.read((str(path),))
    assert found.body["data"] == {"k": "ä☃"}
    assert found.where == f"{path}:1"


def test_standard_input_is_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    given = io.TextIOWrapper(io.BytesIO(b"a: \xff\n"), encoding="ascii")
    monkeypatch.setattr(sys, "stdin", given)
    with pytest.raises(click.ClickException, match="standard input: yaml: line 1: not UTF-8"):
        manifests.read(("-",))


def test_lists_are_their_items_and_folders_their_files(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("---\n" + json.dumps(OBJECT) + "\n---\n" + json.dumps(OBJECT))
    (tmp_path / "b.json").write_text(
        json.dumps({"apiVersion": "v1", "kind": "List", "items": [OBJECT, OBJECT]})
    )
    (tmp_path / "payload.json").write_text('{"not": "a manifest"}')
    (tmp_path / "notes.txt").write_text("[")
    found = manifests.read((str(tmp_path),))
    assert len(found) == 4
    assert found[1].where == f"{tmp_path / 'a.yaml'}:4"
