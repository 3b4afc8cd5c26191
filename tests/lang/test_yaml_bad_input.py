"""Bad YAML is an error with a place, within a second and 200 MB.

Time and memory are measured in a process of their own, so that nothing else counts.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from lang import yaml, yaml_nodes
from lang.errors import ErrorKind, LangError

ROOT = Path(__file__).parents[2]
LARGE = 5_000_000

HOSTILE = {
    "a map of 5 MB": lambda: "".join(f"k{i}: value number {i}\n" for i in range(220_000)),
    "a list of 5 MB": lambda: "- a\n" * (LARGE // 4),
    "5 MB on one line": lambda: "[" + "1," * (LARGE // 2) + "]",
    "5 MB of one key": lambda: "a: 1\n" * (LARGE // 5),
    "100,000 documents": lambda: "a: 1\n---\n" * 100_000,
    "5 MB of NUL": lambda: "\0" * LARGE,
    "5 MB of brackets": lambda: "[" * LARGE,
    "5 MB of braces": lambda: "{a: " * (LARGE // 4),
    "5 MB of tabs": lambda: "\t" * LARGE,
    "a quote that does not end": lambda: "a: '" + "x\n" * (LARGE // 2),
    "nested lists": lambda: "- " * 100_000 + "a",
    "nested maps": lambda: "".join(" " * i + "a:\n" for i in range(3000)),
    "explicit keys": lambda: "? " * 1_000_000,
    "many aliases": lambda: "a: &a [x]\n" + "".join(f"b{i}: *a\n" for i in range(300_000)),
    "aliases that multiply": lambda: (
        "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9))
    ),
    "merges that multiply": lambda: (
        "a: &a {"
        + ",".join(f"k{i}: 1" for i in range(1000))
        + "}\nb:\n"
        + "".join("- {<<: *a}\n" for _ in range(20_000))
    ),
    "33 MB": lambda: "#" * (33 * 1024 * 1024),
}

PROBE = """
import json, resource, sys, time
sys.path.insert(0, {root!r})
from tests.lang.test_yaml_bad_input import HOSTILE
from lang import yaml
from lang.errors import LangError
found = {{}}
for name in {names!r}:
    text = HOSTILE[name]()
    for _ in range(3):  # the machine may be busy with others
        begun = time.process_time()
        try:
            yaml.load_all(text)
            found[name] = None
        except LangError as error:
            place = yaml.where(text, error)
            found[name] = [time.process_time() - begun, place and place.line, error.message]
        if time.process_time() - begun < 1:
            break
    del text
# Not ru_maxrss: that one keeps the peak of the process that forked this one.
peak = next(l for l in open("/proc/self/status") if l.startswith("VmHWM:"))
print(json.dumps([found, int(peak.split()[1])]))
"""


def test_hostile_texts_are_errors_with_a_place_soon_and_in_little_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(root=str(ROOT), names=list(HOSTILE))],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found, kilobytes = json.loads(done.stdout)
    assert set(found) == set(HOSTILE)
    for name, answer in found.items():
        assert answer is not None, name
        seconds, line, message = answer
        assert seconds < 1.0, name
        assert line >= 1, name
        assert message.startswith("yaml: "), name
    assert kilobytes < 200 * 1024


def test_a_large_text_of_ordinary_manifests_is_read() -> None:
    """The caps are for hostile texts: six large definitions in one are none."""
    text = (ROOT / "crds/manifests/argoproj.io_workflows.yaml").read_text()
    assert len(yaml.load_all("\n---\n".join([text] * 6))) == 6
    assert yaml_nodes.MAX_NODES >= 250_000


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"a: 1\nb: \xff\n", 2),
        (b"a: 1\nb: \xc3\n", 2),
        (b"a: 1\nb: caf\xe9\n", 2),
        (b"\xff\xfea\x00:\x00 \x00\x00\xd8", 1),
        (b"\xff\xfea", 1),
        (b"\xff\xfe\x00\x00a\x00", 1),
        (b"\xed\xa0\x80: 1\n", 1),
        (b"\x80" * 1_000_000, 1),
    ],
)
def test_wrong_encodings_are_errors_with_a_place(content: bytes, line: int) -> None:
    with pytest.raises(LangError) as caught:
        yaml.decode(content)
    assert caught.value.kind is ErrorKind.SYNTAX
    assert caught.value.position is not None
    assert f"line {line}: not UTF-" in caught.value.message


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_encodings_with_a_mark_are_read(encoding: str) -> None:
    assert yaml.load(yaml.decode("ä: ☃\n".encode(encoding))) == {"ä": "☃"}


@pytest.mark.parametrize("text", ["a: b\nc: \0d\n", "a: b\nc: \x07d\n", "a: b\nc: \ud800\n"])
def test_characters_that_yaml_does_not_have(text: str) -> None:
    with pytest.raises(LangError) as caught:
        yaml.load_all(text)
    place = yaml.where(text, caught.value)
    assert place is not None
    assert (place.line, place.column) == (2, 4)


def test_every_error_of_damaged_texts_has_a_place() -> None:
    """Characters of a manifest are put, taken and swapped at random; no error is without place."""
    source = (ROOT / "crds/manifests/minimal/argoproj.io_workflows.yaml").read_text()[:800]
    source += "x: &x {a: 1}\ny: {<<: *x, b: *x}\nz: !!int 5\n"
    chance = random.Random(5)
    errors = []
    for _ in range(3000):
        text = list(source)
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(text))
            text[at : at + chance.randint(0, 2)] = chance.choice("{}[]:,-?&*!|>'\"%@`#~ \n\t\0x1<")
        try:
            yaml.load_all("".join(text), strict=True)
        except LangError as error:
            errors.append((error.message, error.position, len(text)))
    assert len(errors) > 500
    for message, position, length in errors:
        assert position is not None, message
        assert 0 <= position <= length
