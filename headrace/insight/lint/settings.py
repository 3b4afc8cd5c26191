"""Which rules run where: `[tool.headrace.lint]` of pyproject.toml, or `lint:` of headrace.yaml.

select: [image-tag]            # these only; all, if not given
ignore: [no-ttl]               # but not these
per-file-ignores: {"dev/*": [no-deadline]}
"""

from __future__ import annotations

import fnmatch
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headrace.insight.lint import registry
from lang import yaml
from lang.errors import LangError


class SettingsError(ValueError):
    """The settings cannot be used; the text says which and why."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Ids of rules. An empty `select` means all."""

    select: frozenset[str] = frozenset()
    ignore: frozenset[str] = frozenset()
    per_file: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def wants(self, rule: str, file: str) -> bool:
        """Whether a rule is to be heard about a file."""
        if rule in self.ignore or (self.select and rule not in self.select):
            return False
        return not any(
            rule in rules and (fnmatch.fnmatch(file, glob) or fnmatch.fnmatch(file, f"*/{glob}"))
            for glob, rules in self.per_file.items()
        )


def find(folder: Path) -> Settings:
    """The settings of the nearest folder upwards that has some. Raises SettingsError."""
    for place in (folder, *folder.parents):
        for name, read in (("headrace.yaml", _of_yaml), ("pyproject.toml", _of_toml)):
            path = place / name
            if path.is_file():
                block = read(path)
                if block is not None:
                    return parsed(block, str(path))
    return Settings()


def parsed(block: Any, where: str) -> Settings:
    """Settings from their written form. Raises SettingsError."""
    if not isinstance(block, Mapping):
        raise SettingsError(f"{where}: lint must be a table")
    if unknown := set(block) - {"select", "ignore", "per-file-ignores"}:
        raise SettingsError(f"{where}: lint.{min(unknown)} is not a setting")
    per_file = block.get("per-file-ignores") or {}
    if not isinstance(per_file, Mapping):
        raise SettingsError(f"{where}: lint.per-file-ignores must be a table of globs and lists")
    return Settings(
        _ids(block.get("select"), f"{where}: lint.select"),
        _ids(block.get("ignore"), f"{where}: lint.ignore"),
        {str(g): _ids(v, f"{where}: lint.per-file-ignores[{g}]") for g, v in per_file.items()},
    )


def _ids(value: Any, where: str) -> frozenset[str]:
    if value is None:
        return frozenset()
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise SettingsError(f"{where} must be a list of rules")
    known = {rule.id for rule in registry.RULES}
    for each in value:
        if each not in known:
            raise SettingsError(
                f"{where}: there is no rule {each}; known: {', '.join(sorted(known))}"
            )
    return frozenset(value)


def _of_yaml(path: Path) -> Any:
    try:
        value = yaml.load(yaml.decode(path.read_bytes()))
    except (OSError, LangError) as error:
        raise SettingsError(f"{path}: {error}") from error
    return value.get("lint") if isinstance(value, Mapping) else None


def _of_toml(path: Path) -> Any:
    try:
        value = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: {error}") from error
    return value.get("tool", {}).get("headrace", {}).get("lint")
