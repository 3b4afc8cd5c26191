"""`python -m headrace.insight.lint.docs docs/lint`: writes one page per rule, and their list."""

from __future__ import annotations

import sys
from pathlib import Path

from headrace.insight.lint import registry
from headrace.insight.lint.rule import Rule

LONGEST = 4_000  # characters of an example that a page shows

_HEAD = """\
# headrace lint

`headrace lint FILE|FOLDER|-` says whether manifests are right, in the words of `argo lint`, and what could be better about them, by
the rules below. Errors fail a run (exit code 1); rules warn, and fail it with `--fail-on warning`. 2: it could not run.

- `--offline` looks references up in the given files only. Without it templates and EventSources of the cluster are known too.
- `--no-strict` lets unknown fields and duplicate keys pass.
- `-o text|json|github|sarif`; `--fix` mends in the files what can be mended mechanically, and keeps comments and layout.
- `# headrace: ignore=ID reason` at the end of a line, or right above it, silences a rule there. Without a reason it does not count.
- `[tool.headrace.lint]` in `pyproject.toml`, or `lint:` in `headrace.yaml`, chooses rules:

```yaml
lint:
  select: [script-injection, image-tag]   # these only; all, if not given
  ignore: [no-ttl]
  per-file-ignores: {"dev/*": [no-deadline]}
```

"""  # noqa: E501 - a line of the page is a line


def pages() -> dict[str, str]:
    """The text of every page by its file name."""
    rows = ["| rule | | `--fix` |", "|---|---|---|"]
    rows += [
        f"| [{rule.id}]({rule.id}.md) | {rule.title} | {'yes' if rule.fixes else ''} |"
        for rule in registry.RULES
    ]
    found = {"README.md": _HEAD + "\n".join(rows) + "\n"}
    return found | {f"{rule.id}.md": _page(rule) for rule in registry.RULES}


def _page(rule: Rule) -> str:
    fixes = f"\n`--fix`: {rule.fixes}\n" if rule.fixes else ""
    return (
        f"# {rule.id}: {rule.title}\n\n{rule.why}\n{fixes}\n"
        f"## Bad\n\n{_example(rule.bad)}\n## Good\n\n{_example(rule.good)}"
    )


def _example(text: str) -> str:
    if len(text) > LONGEST:
        lines = (line if len(line) < LONGEST else line[:60] + " …" for line in text.splitlines())
        text = "\n".join(lines) + "\n"
    return f"```yaml\n{text}```\n"


def main(folder: str) -> None:
    """Write the pages."""
    for name, text in pages().items():
        Path(folder, name).write_text(text)


if __name__ == "__main__":
    main(sys.argv[1])
