"""The definitions against recorded answers of a real API server with Argo's own definitions.

What the server adds around the schema (metadata, warnings, tables) is done here as it does it.
"""

from __future__ import annotations

import copy
import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonpatch
import msgspec
import pytest
import yaml

from crds.definitions import load
from crds.generate import files
from headrace.local.apiserver import schema

RECORDED = json.loads((Path(__file__).parent / "data" / "api-server.json").read_text())
HOUSE = Path(files.__file__).resolve().parent.parent
WITHOUT_SUBRESOURCE_CASES = {"eventbus-plural-wrong"}
ABOUT_METADATA = ("metadata.", "kind")


@functools.cache
def definitions() -> dict[str, dict[str, Any]]:
    return {each["spec"]["names"]["plural"]: each for each in load()}


@functools.cache
def compiled(plural: str) -> schema.Schema:
    version = definitions()[plural]["spec"]["versions"][0]
    return schema.compile_schema(version["schema"]["openAPIV3Schema"])


def admitted(case: dict[str, Any]) -> tuple[dict[str, Any], list[str], list[schema.FieldError]]:
    written = copy.deepcopy(case["object"])
    version = definitions()[case["plural"]]["spec"]["versions"][0]
    if "status" in version.get("subresources", {}):
        written.pop("status", None)
    checker = compiled(case["plural"])
    unknown = checker.prune(written)
    checker.default(written)
    prior = []
    if "name" not in written["metadata"] and "generateName" not in written["metadata"]:
        missing = schema.ErrorType.REQUIRED
        prior.append(schema.FieldError("metadata.name", missing, "Required value"))
    return written, unknown, checker.validate(written, prior=prior)


CASES = [
    pytest.param(case, id=case["id"])
    for case in RECORDED["cases"]
    if case["id"] not in WITHOUT_SUBRESOURCE_CASES
]


@pytest.mark.parametrize("case", CASES)
def test_objects_are_taken_refused_and_pruned_as_recorded(case: dict[str, Any]) -> None:
    stored, unknown, errors = admitted(case)
    found = sorted((each.path, each.message, str(each.type)) for each in errors)
    wanted = sorted(
        (cause["field"], cause["message"], cause["reason"])
        for cause in case.get("causes") or []
        if not cause["field"].startswith(ABOUT_METADATA)
    )
    if case.get("query") == "fieldValidation=Strict" and case["code"] == 400:
        assert unknown
        assert f'unknown field "{unknown[0]}"' in case["message"]
        return
    assert found == wanted
    if case["code"] == 201:
        patch = [each for each in case["stored"] if each["path"] != "/metadata/namespace"]
        assert stored == jsonpatch.apply_patch(case["object"], patch)
    if case.get("query") != "fieldValidation=Ignore":
        warned = [f'unknown field "{path}"' for path in unknown]
        assert sorted(warned) == sorted(case.get("warnings") or [])


@pytest.mark.parametrize("table", RECORDED["tables"], ids=lambda table: table["plural"])
def test_printer_columns_are_those_recorded(table: dict[str, Any]) -> None:
    version = definitions()[table["plural"]]["spec"]["versions"][0]
    default = [{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}]
    columns = version.get("additionalPrinterColumns", default)
    assert [(c["name"], c["type"], c.get("priority", 0)) for c in columns] == [
        (c["name"], c["type"], c["priority"]) for c in table["columns"][1:]
    ]


def test_names_scopes_and_subresources_are_those_recorded() -> None:
    found = []
    for plural, each in definitions().items():
        names = each["spec"]["names"]
        assert "categories" not in names
        namespaced = each["spec"]["scope"] == "Namespaced"
        found.append(
            (plural, names["kind"], names["singular"], names.get("shortNames"), namespaced)
        )
        if "status" in each["spec"]["versions"][0].get("subresources", {}):
            found.append((f"{plural}/status", names["kind"], "", None, namespaced))
    recorded = [
        (r["name"], r["kind"], r["singularName"], r.get("shortNames"), r["namespaced"])
        for r in RECORDED["discovery"]
    ]
    assert sorted(map(str, found)) == sorted(map(str, recorded))


@pytest.mark.parametrize("plural", list(definitions()))
def test_schemas_are_structural_and_their_rules_compile(plural: str) -> None:
    document = definitions()[plural]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    assert schema.violations(document) == []
    assert schema.rule_problems(document) == []


@pytest.mark.parametrize("plural", list(definitions()))
def test_the_yaml_for_kubectl_says_the_same(plural: str) -> None:
    text = (HOUSE / "manifests" / f"argoproj.io_{plural}.yaml").read_text()
    assert yaml.load(text, Loader=yaml.CSafeLoader) == definitions()[plural]


@pytest.mark.parametrize("plural", list(definitions()))
def test_the_minimal_definitions_differ_in_their_schemas_only(plural: str) -> None:
    text = (HOUSE / "manifests" / "minimal" / f"argoproj.io_{plural}.yaml").read_text()
    assert len(text) < 262_144 / 4  # kubectl keeps a copy in an annotation
    small = yaml.load(text, Loader=yaml.CSafeLoader)
    [version] = small["spec"]["versions"]
    assert schema.violations(version["schema"]["openAPIV3Schema"]) == []
    version["schema"] = definitions()[plural]["spec"]["versions"][0]["schema"]
    assert small == definitions()[plural]


def test_generated_files_are_current() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "crds.generate", "--check"],
        cwd=HOUSE.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("", 0)


def test_definitions_fit_where_they_are_stored() -> None:
    for each in definitions().values():
        assert len(msgspec.json.encode(each)) < 1_000_000


def test_every_field_of_the_typed_kinds_says_what_it_means() -> None:
    for plural in ("workflows", "cronworkflows"):
        document = definitions()[plural]["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        for name in ("spec", "status"):
            fields = document["properties"][name]["properties"]
            assert [field for field, each in fields.items() if not each.get("description")] == []
