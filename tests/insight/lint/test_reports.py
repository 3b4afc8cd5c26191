"""Silencing, settings, formats, and the command with its exit codes."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from headrace.cli.main import cli
from headrace.insight.lint import running, settings
from headrace.insight.lint.formats import FORMATS
from headrace.insight.lint.settings import Settings, SettingsError

CLEAN = """\
kind: Workflow
metadata: {generateName: x-}
spec:
  entrypoint: main
  activeDeadlineSeconds: 60
  podGC: {strategy: OnPodSuccess}
  ttlStrategy: {secondsAfterCompletion: 60}
  templates:
    - name: main
      container:
        image: alpine:3.20
        resources: {limits: {memory: 64Mi}}
"""
UNTAGGED = CLEAN.replace("alpine:3.20", "alpine")
BROKEN = CLEAN.replace("entrypoint: main", "entrypoint: nain")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lint(*arguments: str, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(cli, ["lint", "--offline", *arguments], input=stdin)


def rules(text: str, chosen: Settings | None = None) -> list[str]:
    return [f.rule for f in running.lint({"f.yaml": text}, settings=chosen).findings]


def test_exit_codes(folder: Path) -> None:
    Path("clean.yaml").write_text(CLEAN)
    Path("untagged.yaml").write_text(UNTAGGED)
    Path("broken.yaml").write_text(BROKEN)
    assert lint("clean.yaml").exit_code == 0
    assert lint("untagged.yaml").exit_code == 0
    assert lint("untagged.yaml", "--fail-on", "warning").exit_code == 1
    assert lint("clean.yaml", "--fail-on", "warning").exit_code == 0
    assert lint("broken.yaml").exit_code == 1
    assert lint(str(folder)).exit_code == 1
    assert lint("absent.yaml").exit_code == 2
    assert lint().exit_code == 2
    assert lint("-", "--fix").exit_code == 2


def test_text_names_the_place_and_the_field() -> None:
    result = lint("-", stdin=BROKEN)
    line, summary = result.output.splitlines()
    assert line.startswith(
        "standard input:4:3: error [invalid] template name 'nain' undefined (spec"
    )
    assert summary == "1 object: 1 error, no warnings"


def test_lines_count_through_all_documents() -> None:
    text = CLEAN + "---\n" + UNTAGGED
    [finding] = running.lint({"f.yaml": text}).findings
    assert text.splitlines()[finding.line - 1].strip() == "image: alpine"
    assert finding.column == 9


def test_strict_is_about_unknown_fields_and_duplicate_keys() -> None:
    odd = CLEAN.replace("  entrypoint: main\n", "  entrypoint: main\n  nonsense: 1\n")
    assert lint("-", stdin=odd).exit_code == 1
    assert lint("-", "--no-strict", stdin=odd).exit_code == 0
    twice = CLEAN.replace("  entrypoint: main\n", "  entrypoint: main\n  entrypoint: main\n")
    assert lint("-", stdin=twice).exit_code == 1
    assert lint("-", "--no-strict", stdin=twice).exit_code == 0


@pytest.mark.parametrize(
    ("comment", "silent"),
    [
        ("  # headrace: ignore=image-tag built here", True),
        ("  # headrace: ignore=no-ttl,image-tag built here", True),
        ("  # headrace: ignore=no-ttl built here", False),
        ("  # headrace: ignore=image-tag", False),
    ],
)
def test_a_comment_with_a_reason_silences_its_line(comment: str, silent: bool) -> None:
    beside = UNTAGGED.replace("image: alpine", "image: alpine" + comment)
    above = UNTAGGED.replace("        image:", f"      {comment}\n        # more\n        image:")
    for text in (beside, above):
        assert rules(text) == ([] if silent else ["image-tag"])


def test_settings_choose_rules(folder: Path) -> None:
    Path("headrace.yaml").write_text("lint: {ignore: [image-tag]}")
    deep = folder / "a" / "b"
    deep.mkdir(parents=True)
    assert settings.find(deep).ignore == {"image-tag"}
    Path("headrace.yaml").unlink()
    Path("pyproject.toml").write_text('[tool.headrace.lint]\nselect = ["image-tag"]\n')
    assert rules(UNTAGGED.replace("podGC", "x-podGC"), settings.find(deep))[-1] == "image-tag"
    per_file = settings.parsed({"per-file-ignores": {"f.*": ["image-tag"]}}, "here")
    assert rules(UNTAGGED, per_file) == []
    assert rules(UNTAGGED, settings.parsed({"ignore": ["no-ttl"]}, "here")) == ["image-tag"]


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ({"ignore": ["no-such"]}, "there is no rule no-such"),
        ({"ignore": "image-tag"}, "must be a list"),
        ({"igonre": []}, "lint.igonre is not a setting"),
        ([], "must be a table"),
    ],
)
def test_wrong_settings_say_why(block: object, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        settings.parsed(block, "headrace.yaml")
    Path("headrace.yaml").write_text(json.dumps({"lint": block}))
    result = lint("-", stdin=CLEAN)
    assert result.exit_code == 2
    assert message in result.output


def test_json_and_sarif_hold_the_same_findings() -> None:
    report = running.lint({"dir/a b.yaml": BROKEN, "b.yaml": UNTAGGED})
    found = json.loads(FORMATS["json"](report))
    assert (found["objects"], found["errors"], found["warnings"]) == (2, 1, 1)
    [run] = json.loads(FORMATS["sarif"](report))["runs"]
    results = run["results"]
    assert [r["ruleId"] for r in results] == [f["rule"] for f in found["findings"]]
    uris = [r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for r in results]
    assert uris == ["b.yaml", "dir/a%20b.yaml"]
    assert {r["level"] for r in results} == {"error", "warning"}
    known = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    assert "image-tag" in known


def test_github_commands_are_escaped() -> None:
    text = FORMATS["github"](running.lint({"a,b:c%.yaml": UNTAGGED}))
    assert text.startswith("::warning file=a%2Cb%3Ac%25.yaml,line=11,col=9,title=image-tag::image")
    assert "\n" not in text


def test_fix_writes_the_file_and_says_so() -> None:
    Path("f.yaml").write_text(CLEAN.replace("  podGC: {strategy: OnPodSuccess}\n", ""))
    result = lint("f.yaml", "--fix")
    assert result.exit_code == 0
    assert "mended 1" in result.output
    assert "  podGC: {strategy: OnPodSuccess}\n" in Path("f.yaml").read_text()
    before = Path("f.yaml").read_text()
    assert "mended" not in lint("f.yaml", "--fix").output
    assert Path("f.yaml").read_text() == before


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"kind: Workflow\n\xff\xfe: 1\n", "not UTF-8 text"),
        (b"kind: Work\x00flow\n", "control characters are not allowed"),
        (b"a: [" * 100_000, "nest"),
        (b"a: &a [1,1]\n" + b"".join(b"b%d: &b%d [*a, *a]\n" % (i, i) for i in range(9)), ""),
        (b"---\nkind: X\n" * 100_000, "documents"),
        (b"- " + b"x: y\n  " * 700_000, ""),
    ],
    ids=["encoding", "nul", "deep", "aliases", "many", "large"],
)
def test_bad_input_is_an_error_with_a_place_soon(content: bytes, said: str) -> None:
    Path("bad.yaml").write_bytes(content)
    began = time.monotonic()
    result = lint("bad.yaml")
    assert time.monotonic() - began < 10  # generous: the figure is benchmarks/lint's
    assert result.exit_code == 1
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert said in result.output
    assert "Traceback" not in result.output
