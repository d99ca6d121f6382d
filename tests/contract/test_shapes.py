"""Our vocabulary against the service model that botocore carries."""

import base64
import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel

from visavis.api import shapes
from visavis.api.constraints import Violation, violations
from visavis.api.decoding import decode_structure
from visavis.api.detect_faces import FaceAttribute
from visavis.api.operations import SERVICE
from visavis.aws import wire
from visavis.comparison import DEFAULT_SIMILARITY_THRESHOLD
from visavis.face import EmotionType, LandmarkType, QualityFilter, QualityReason


@pytest.fixture(scope="module")
def model() -> dict[str, Any]:
    """The file itself, read without botocore's own classes."""
    folder = Path(botocore.__file__).parent / "data" / "rekognition" / "2016-06-27"
    loaded = json.loads(gzip.decompress((folder / "service-2.json.gz").read_bytes()))
    assert isinstance(loaded, dict)
    return loaded


def assert_same(ours: shapes.Shape, name: str, model: dict[str, Any]) -> None:
    theirs = model["shapes"][name]
    assert ours.kind == theirs["type"]
    assert (ours.minimum, ours.maximum, ours.pattern) == (theirs.get("min"), theirs.get("max"), theirs.get("pattern"))
    assert list(ours.enum) == theirs.get("enum", [])
    assert ours.required == set(theirs.get("required", []))
    assert list(ours.members) == list(theirs.get("members", {}))
    for member, shape in ours.members.items():
        assert_same(shape, theirs["members"][member]["shape"], model)
    parts = {"list": {"member": ours.item}, "map": {"key": ours.key, "value": ours.item}}.get(ours.kind, {})
    for part, inner in parts.items():
        assert inner is not None
        assert_same(inner, theirs[part]["shape"], model)


def sample_of(name: str, model: dict[str, Any]) -> Any:
    """A value of a shape as a caller writes it in JSON, with every member of every structure."""
    shape = model["shapes"][name]
    match shape["type"]:
        case "structure":
            return {member: sample_of(inner["shape"], model) for member, inner in shape["members"].items()}
        case "list":
            return [sample_of(shape["member"]["shape"], model)] * min(2, shape.get("max", 2))
        case "map":
            return {sample_of(shape["key"]["shape"], model): sample_of(shape["value"]["shape"], model)}
        case "string":
            return shape.get("enum", ["x" * shape.get("min", 1)])[0]
        case "blob":
            return "YQ=="
        case "boolean":
            return True
    return shape.get("min", 0) + {"float": 0.5, "integer": 2, "long": 3}[shape["type"]]


def as_json(value: Any) -> Any:
    """A decoded value as a caller would write it."""
    match value:
        case bytes():
            return base64.b64encode(value).decode()
        case list():
            return [as_json(item) for item in value]
        case dict():
            return {name: as_json(item) for name, item in value.items()}
    return value


def operations() -> list[str]:
    return sorted(ServiceModel(Loader().load_service_model("rekognition", "service-2"), "rekognition").operation_names)


@pytest.mark.parametrize("operation", operations())
def test_a_request_of_any_operation_is_read_with_nothing_lost(operation: str, model: dict[str, Any]) -> None:
    name, shape = model["operations"][operation]["input"]["shape"], shapes.input_of(operation)
    assert_same(shape, name, model)
    sample = sample_of(name, model)
    fields = decode_structure(shape, sample)
    assert as_json(fields) == sample
    for violation in violations(shape, fields):  # whatever a sample breaks, nothing here fails
        assert "pattern" in str(violation)
    assert list(violations(shape, {})) == [
        Violation(member[0].lower() + member[1:], "null", "", "must not be null")
        for member in model["shapes"][name]["members"]
        if member in model["shapes"][name].get("required", [])
    ]


def test_the_limits_are_those_that_the_documentation_names() -> None:
    request = shapes.input_of("CompareFaces")
    blob, threshold = request.members["SourceImage"].members["Bytes"], request.members["SimilarityThreshold"]
    assert (blob.minimum, blob.maximum) == (1, 5_242_880)
    assert (threshold.minimum, threshold.maximum) == (0, 100)
    assert 0 <= DEFAULT_SIMILARITY_THRESHOLD <= 100


@pytest.mark.parametrize(
    ("ours", "name"),
    [(LandmarkType, "LandmarkType"), (EmotionType, "EmotionName"), (FaceAttribute, "Attribute")],
)
def test_names_and_their_order_are_the_models(ours: Any, name: str, model: dict[str, Any]) -> None:
    assert list(ours) == model["shapes"][name]["enum"]


@pytest.mark.parametrize(("ours", "name"), [(QualityFilter, "QualityFilter")])
def test_names_whose_order_means_something_to_us_are_the_models_too(
    ours: Any, name: str, model: dict[str, Any]
) -> None:
    assert set(ours) == set(model["shapes"][name]["enum"])


def test_reasons_of_poor_quality_are_words_of_the_model(model: dict[str, Any]) -> None:
    assert set(QualityReason) < set(model["shapes"]["Reason"]["enum"])


def test_the_wire_is_the_models(model: dict[str, Any]) -> None:
    metadata = model["metadata"]
    assert metadata["targetPrefix"] + "." == SERVICE.target_prefix
    assert metadata["serviceId"] == SERVICE.service_id
    assert metadata["endpointPrefix"] == SERVICE.name
    assert f"application/x-amz-json-{metadata['jsonVersion']}" == wire.CONTENT_TYPE
    assert metadata["protocols"] == ["json"]
    for name in SERVICE.operations:
        assert model["operations"][name]["http"] == {"method": "POST", "requestUri": "/"}


def test_importing_the_dialect_loads_no_sdk() -> None:
    names = ["dispatcher", "operations", "images", "response", "objects", "errors", "shapes", "constraints", "decoding"]
    imports = ", ".join(f"visavis.api.{name}" for name in names)
    check = "assert not {'boto3', 'botocore'} & set(sys.modules)"
    subprocess.run(
        [sys.executable, "-c", f"import sys, visavis.aws.policy, {imports}; {check}"], check=True, timeout=60
    )
