"""docs/architecture.md agrees with pyproject.toml and the package on layers, libraries and files."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import visavis

ROOT = Path(__file__).resolve().parents[2]
SOURCE = Path(visavis.__file__).parent
PAGE = (ROOT / "docs/architecture.md").read_text("utf-8")
CONTRACTS: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
    "contracts"
]


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, without its header."""
    (section,) = re.findall(rf"^{re.escape(heading)}\n(.*?)(?=^##|\Z)", PAGE, re.DOTALL | re.MULTILINE)
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def layers_of(container: str) -> list[list[str]]:
    """The layers of a package from the highest, as the contract names them."""
    (contract,) = [c for c in CONTRACTS if c["type"] == "layers" and c["containers"] == [container]]
    return [sorted(name.strip() for name in layer.split("|")) for layer in contract["layers"]]


def test_the_layers_of_the_page_are_those_of_the_contract() -> None:
    assert [sorted(names(layer)) for layer, _ in rows("## Layers")] == layers_of("visavis")


def test_the_layers_of_image_are_those_of_its_contract() -> None:
    assert [sorted(names(layer)) for layer, _ in rows("### Layers of image")] == layers_of("visavis.image")


def test_the_layers_of_drawing_are_those_of_its_contract() -> None:
    assert [sorted(names(layer)) for layer, _ in rows("### Layers of drawing")] == layers_of("visavis.drawing")


def test_the_layers_of_evaluate_are_those_of_its_contract() -> None:
    assert [sorted(names(layer)) for layer, _ in rows("### Layers of evaluate")] == layers_of("visavis.evaluate")


def test_every_contract_of_layers_has_its_table() -> None:
    contracts = [c["containers"] for c in CONTRACTS if c["type"] == "layers"]
    described = [["visavis"], ["visavis.drawing"], ["visavis.image"], ["visavis.evaluate"]]
    assert contracts == described, "docs/architecture.md needs each's table"


def test_each_library_is_imported_where_the_page_says() -> None:
    documented = [
        (set(names(libraries)), set(names(files))) for libraries, files, _ in rows("## One place for each library")
    ]
    actual = []
    for contract in CONTRACTS:
        if contract["type"] == "forbidden":
            allowed = [pair.split(" -> ")[0].removeprefix("visavis.") for pair in contract["ignore_imports"]]
            actual.append((set(contract["forbidden_modules"]), set(allowed)))
    assert sorted(documented, key=str_of) == sorted(actual, key=str_of)


def str_of(pair: tuple[set[str], set[str]]) -> str:
    return ",".join(sorted(pair[0]))


def test_every_file_of_the_package_has_one_line() -> None:
    documented = [name for file, _ in rows("## Files") for name in names(file)]
    actual = [path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py")]
    assert sorted(documented) == sorted(actual)
