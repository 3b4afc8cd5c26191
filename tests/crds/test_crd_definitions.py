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
MANIFESTS = sorted((HOUSE / "manifests").glob("*.yaml"))
WITHOUT_SUBRESOURCE_CASES = {"eventbus-plural-wrong"}
ABOUT_METADATA = ("metadata.", "kind")


FORMS = ("full", "for kubectl apply")


@functools.cache
def definitions(form: str = "full") -> dict[str, dict[str, Any]]:
    found = load() if form == "full" else [manifest(path) for path in MANIFESTS]
    return {each["spec"]["names"]["plural"]: each for each in found}


def manifest(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
    return found


def document(plural: str, form: str = "full") -> dict[str, Any]:
    [version] = definitions(form)[plural]["spec"]["versions"]
    found: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    return found


@functools.cache
def compiled(plural: str, form: str) -> schema.Schema:
    return schema.compile_schema(document(plural, form))


def admitted(
    case: dict[str, Any], form: str
) -> tuple[dict[str, Any], list[str], list[schema.FieldError]]:
    written = copy.deepcopy(case["object"])
    version = definitions()[case["plural"]]["spec"]["versions"][0]
    if "status" in version.get("subresources", {}):
        written.pop("status", None)
    checker = compiled(case["plural"], form)
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


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", CASES)
def test_objects_are_taken_refused_and_pruned_as_recorded(case: dict[str, Any], form: str) -> None:
    stored, unknown, errors = admitted(case, form)
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
    found = [(c["name"], c["type"], c.get("format", ""), c.get("priority", 0)) for c in columns]
    assert found == [
        (c["name"], c["type"], c["format"], c["priority"]) for c in table["columns"][1:]
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


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("plural", list(definitions()))
def test_schemas_are_structural_and_their_rules_compile(plural: str, form: str) -> None:
    assert schema.violations(document(plural, form)) == []
    assert schema.rule_problems(document(plural, form)) == []


def without_descriptions(each: Any) -> Any:
    if not isinstance(each, dict):
        return each
    found = {key: value for key, value in each.items() if key != "description"}
    for key in ("items", "additionalProperties"):
        if key in found:
            found[key] = without_descriptions(found[key])
    if "properties" in found:
        below = found["properties"].items()
        found["properties"] = {name: without_descriptions(value) for name, value in below}
    return found


OPENED = ("templateDefaults", "artifactRepositoryRef", "outputs", "persistentVolumeClaims")


@pytest.mark.parametrize("plural", list(definitions()))
def test_the_manifests_check_what_the_full_definitions_check(plural: str) -> None:
    small, full = (without_descriptions(document(plural, form)) for form in FORMS[::-1])
    spec = full["properties"].get("spec", {}).get("properties", {})
    places = [(small["properties"].get("spec", {}).get("properties", {}), spec)]
    if "workflowSpec" in spec:
        places.append(tuple(each["workflowSpec"]["properties"] for each in places[0]))
    if plural == "workflows":
        places.append(tuple(each["properties"]["status"]["properties"] for each in (small, full)))
    for ours, theirs in places:
        for name in OPENED:
            if name in theirs:
                assert list(ours[name].get("properties", {})) in (
                    [],
                    list(theirs[name].get("properties", {})),
                )
                ours[name] = theirs[name] = {}
    assert small == full


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.name)
def test_kubectl_can_keep_its_copy_of_a_manifest(path: Path) -> None:
    """Its copy is in an annotation, and all annotations together may have 256 KiB."""
    as_go_writes_it = json.dumps(manifest(path), separators=(",", ":"))
    for sign in "<>&":
        as_go_writes_it = as_go_writes_it.replace(sign, f"\\u{ord(sign):04x}")
    key = "kubectl.kubernetes.io/last-applied-configuration"
    assert len(key) + len(as_go_writes_it.encode()) < 262_144


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
        for name in ("spec", "status"):
            fields = document(plural)["properties"][name]["properties"]
            assert [field for field, each in fields.items() if not each.get("description")] == []
