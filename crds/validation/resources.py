"""Resource templates: the action and the manifest."""

from __future__ import annotations

import re
from typing import Any

from crds.validation import inputs, text
from crds.validation.report import Report, Site
from lang import yaml
from lang.errors import LangError

ACTIONS = ("get", "create", "apply", "delete", "replace", "patch")
_ALONE = ("get", "delete")
_EXPRESSION = re.compile(r"\{\{=.*?\}\}", re.DOTALL)


def check(report: Report, site: Site, name: str, resource: dict[str, Any]) -> None:
    """`name` is what the template is called in messages."""
    action = resource.get("action", "")
    open_ = text.has_tag(action) or inputs.Placeholders.is_one(action)
    if action not in ACTIONS and not open_:
        words = ", ".join(ACTIONS)
        report.add(site.below("action"), f"{name}.resource.action must be one of: {words}")
    if action in _ALONE:
        _check_yaml(report, site, name, resource)
        return
    manifest, origin = resource.get("manifest", ""), resource.get("manifestFrom")
    if not manifest and origin is None and not resource.get("flags"):
        report.add(
            site,
            f"either {name}.resource.manifest or {name}.resource.manifestFrom must be specified",
        )
    if manifest and origin is not None:
        report.add(
            site,
            "shouldn't have both `manifest` and `manifestFrom` specified in `Manifest` for "
            "resource template",
        )
    _check_yaml(report, site, name, resource)


def _check_yaml(report: Report, site: Site, name: str, resource: dict[str, Any]) -> None:
    manifest = _EXPRESSION.sub("placeholder", resource.get("manifest", ""))
    if manifest and not inputs.Placeholders.is_one(manifest) and not _is_yaml(manifest):
        report.add(site.below("manifest"), f"{name}.resource.manifest must be a valid yaml")


def _is_yaml(manifest: str) -> bool:
    try:
        yaml.load(manifest)
    except LangError:
        return False
    return True
