"""Writes the list of what visavis consists of (SBOM) as CycloneDX JSON: packages and networks. Run it with `make sbom`.

    python -m tools.sbom FILE

The packages are those of the lock files of the extras `server`, `batch`, `evaluate` and `ray`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense, LicenseAcknowledgement
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL
from tools.lock import LOCKS, PARTS, Locked, read

import visavis
from visavis.models.manifest import load_manifest
from visavis.models.model_file import ModelFile


def licence(name: str) -> DisjunctiveLicense:
    """A licence by its SPDX identifier."""
    return DisjunctiveLicense(id=name, acknowledgement=LicenseAcknowledgement.DECLARED)


def sha256(*digests: str) -> list[HashType]:
    """SHA-256 as CycloneDX writes it."""
    return [HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in digests]


def package(one: Locked) -> Component:
    """A package. It has several hashes, because it has a file for each system; each installation takes one of them."""
    return Component(
        name=one.name,
        version=one.version,
        type=ComponentType.LIBRARY,
        bom_ref=f"package:{one.name}@{one.version}",
        purl=PackageURL("pypi", name=one.name, version=one.version),
        hashes=sha256(*one.sha256),
        properties=[Property(name="visavis:marker", value=one.marker)] if one.marker else (),
    )


def network(model: ModelFile) -> Component:
    """A network, with the SHA-256 of its published file, and of the file that changes its weights."""
    update = model.update
    changed = (
        []
        if update is None
        else [
            Property(name="visavis:update", value=update.file),
            Property(name="visavis:update-sha256", value=update.sha256),
            Property(name="visavis:weights-sha256", value=update.weights_sha256),
        ]
    )
    return Component(
        name=model.name,
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=f"network:{model.name}",
        description=f"{model.file}, {model.size} bytes, from {model.origin}",
        hashes=sha256(model.sha256),
        licenses=[licence(model.licence)],
        properties=changed,
    )


def components() -> Iterator[Component]:
    """Every package once, then every network of the manifest."""
    found = {(one.name, one.version): one for part in PARTS for one in read(LOCKS / f"{part}.lock")}
    yield from (package(one) for _, one in sorted(found.items()))
    yield from (network(model) for model in load_manifest().models.values())


def sbom() -> str:
    """The SBOM as JSON.

    Raises:
        ValueError: it does not follow CycloneDX's schema.
    """
    bom = Bom()
    root = Component(
        name="visavis",
        version=visavis.__version__,
        type=ComponentType.APPLICATION,
        bom_ref="visavis",
        purl=PackageURL("pypi", name="visavis", version=visavis.__version__),
        licenses=[licence("Apache-2.0")],
    )
    bom.metadata.component = root
    parts = list(components())
    bom.components.update(parts)
    bom.register_dependency(root, parts)
    text = JsonV1Dot6(bom).output_as_string(indent=2)
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise ValueError(f"not CycloneDX: {error}")
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="the file to write")
    file = parser.parse_args().file
    file.write_text(sbom() + "\n", "utf-8")


if __name__ == "__main__":
    main()
