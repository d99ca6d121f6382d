"""The SBOM has every package of the lock files and every network of the manifest."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tools.lock import LOCKS, PARTS, read

import visavis
from tools import sbom
from visavis.models.manifest import load_manifest


@cache
def document() -> Any:
    return json.loads(sbom.sbom())


def by_reference() -> dict[str, Any]:
    return {component["bom-ref"]: component for component in document()["components"]}


def digests(component: Any) -> set[str]:
    return {one["content"] for one in component["hashes"] if one["alg"] == "SHA-256"}


@pytest.mark.parametrize("name", load_manifest().models)
def test_every_network_is_there_with_its_hash_and_licence(name: str) -> None:
    model, component = load_manifest()[name], by_reference()[f"network:{name}"]
    assert component["type"] == "machine-learning-model"
    assert digests(component) == {model.sha256}
    assert [one["license"]["id"] for one in component["licenses"]] == [model.licence]
    if model.update is not None:
        assert model.update.sha256 in {one["value"] for one in component["properties"]}


def test_every_locked_package_is_there_with_the_hashes_of_its_files() -> None:
    locked = [one for part in PARTS for one in read(LOCKS / f"{part}.lock")]
    assert len(locked) > 100
    for one in locked:
        component = by_reference()[f"package:{one.name}@{one.version}"]
        assert component["purl"] == f"pkg:pypi/{one.name}@{one.version}"
        assert digests(component) == set(one.sha256)


def test_everything_belongs_to_this_version_of_visavis() -> None:
    root = document()["metadata"]["component"]
    assert (root["name"], root["version"]) == ("visavis", visavis.__version__)
    depends = {one["ref"]: one.get("dependsOn", []) for one in document()["dependencies"]}
    assert set(depends["visavis"]) == set(by_reference())


def test_the_file_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["sbom", str(tmp_path / "sbom.cdx.json")])
    sbom.main()
    assert json.loads((tmp_path / "sbom.cdx.json").read_text("utf-8"))["bomFormat"] == "CycloneDX"
