"""Resource templates: the action and the manifest."""

from __future__ import annotations

from typing import Any

import yaml

from crds.validation import inputs, text
from crds.validation.report import Report, Site

ACTIONS = ("get", "create", "apply", "delete", "replace", "patch")
_ALONE = ("get", "delete", "patch")


def check(report: Report, site: Site, name: str, resource: dict[str, Any]) -> None:
    """`name` is what the template is called in messages."""
    action = resource.get("action", "")
    open_ = text.has_tag(action) or inputs.Placeholders.is_one(action)
    if action not in ACTIONS and not open_:
        words = ", ".join(ACTIONS)
        report.add(site.below("action"), f"{name}.resource.action must be one of: {words}")
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
    if manifest and not inputs.Placeholders.is_one(manifest) and not _is_yaml(manifest):
        report.add(site.below("manifest"), f"{name}.resource.manifest must be a valid yaml")


def _is_yaml(manifest: str) -> bool:
    try:
        loaded = yaml.load(manifest, Loader=yaml.CSafeLoader)  # noqa: S506 (a safe loader)
    except (yaml.YAMLError, ValueError, TypeError):
        return False
    return not isinstance(loaded, dict) or all(isinstance(key, str | int) for key in loaded)
