import base64
import json
import re
from typing import Any

import pytest

from tests.conftest import with_later_enum
from visavis.api.compare_faces import COMPARE_FACES, CompareFacesRequest
from visavis.api.errors import to_wire
from visavis.api.images import S3ObjectRef
from visavis.aws.wire import WireError
from visavis.errors import InvalidRequest
from visavis.face import QualityFilter

LIMIT = 5_242_880


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def params(**changes: object) -> dict[str, object]:
    plain: dict[str, object] = {"SourceImage": {"Bytes": b64(b"one")}, "TargetImage": {"Bytes": b64(b"two")}}
    return plain | changes


def s3(**changes: object) -> dict[str, object]:
    plain: dict[str, object] = {"Bucket": "photos", "Name": "a.jpg"}
    return {"S3Object": plain | changes}


def without(given: dict[str, object], name: str) -> dict[str, object]:
    return {key: value for key, value in given.items() if key != name}


def heap(size: int) -> str:
    return f"java.nio.HeapByteBuffer[pos=0 lim={size} cap={size}]"


def parse(given: dict[str, Any]) -> CompareFacesRequest:
    return COMPARE_FACES.accept(COMPARE_FACES.decode(given))


def refusal_of(given: dict[str, Any]) -> WireError:
    with pytest.raises(WireError) as caught:
        parse(given)
    assert caught.value.status == 400
    return caught.value


def serialization_text(given: dict[str, Any]) -> str | None:
    error = refusal_of(given)
    assert (error.code, error.kind) == ("SerializationException", "serialization")
    return error.message


def validation_text(given: dict[str, Any]) -> str:
    error = refusal_of(given)
    assert (error.code, error.kind) == ("ValidationException", "framework")
    assert error.message is not None
    return error.message


def test_what_is_left_out_takes_its_default() -> None:
    assert parse(params()) == CompareFacesRequest(b"one", b"two", 80.0, QualityFilter.NONE)


def test_null_is_the_same_as_left_out() -> None:
    given = params(SimilarityThreshold=None, QualityFilter=None, TargetImage={"Bytes": b64(b"two"), "S3Object": None})
    assert parse(given) == parse(params())


def test_unknown_members_are_ignored_at_any_depth() -> None:
    given = params(Extra={"a": [1]}, SourceImage={"Bytes": b64(b"one"), "Extra": 5}, TargetImage=s3(ETag="x"))
    assert parse(given) == CompareFacesRequest(b"one", S3ObjectRef("photos", "a.jpg"))


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_from_inside_the_process_need_no_base64(kind: type) -> None:
    assert parse(params(SourceImage={"Bytes": kind(b"raw")})).source == b"raw"


def test_one_picture_may_come_as_bytes_and_the_other_from_s3() -> None:
    parsed = parse(params(TargetImage=s3(Version="7")))
    assert (parsed.source, parsed.target) == (b"one", S3ObjectRef("photos", "a.jpg", "7"))


def test_a_key_may_have_any_character() -> None:
    assert parse(params(TargetImage=s3(Name="фото/é 😀.jpg"))).target == S3ObjectRef("photos", "фото/é 😀.jpg")


@pytest.mark.parametrize(("given", "expected"), [(80, 80.0), (0, 0.0), (-0.0, 0.0), (100, 100.0), (99.5, 99.5)])
def test_a_threshold_may_be_whole(given: float, expected: float) -> None:
    parsed = parse(params(SimilarityThreshold=given)).similarity_threshold
    assert (parsed, type(parsed)) == (expected, float)


@pytest.mark.parametrize("name", ["NONE", "AUTO", "LOW", "MEDIUM", "HIGH"])
def test_each_quality_filter_of_the_model_is_known(name: str) -> None:
    assert parse(params(QualityFilter=name)).quality_filter is QualityFilter(name)


def test_a_quality_filter_that_only_a_later_model_has_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with_later_enum(monkeypatch, "CompareFaces", "QualityFilter", "EXTREME")
    with pytest.raises(InvalidRequest, match=r"^QualityFilter must be one of NONE, .*, not 'EXTREME'$") as caught:
        parse(params(QualityFilter="EXTREME"))
    assert to_wire(caught.value).code == "InvalidParameterException"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"SimilarityThreshold": "80"}, "class java.lang.String can not be converted to an Float"),
        ({"SimilarityThreshold": True}, "TRUE_VALUE can not be converted to a Float"),
        ({"SimilarityThreshold": [80]}, "Start of list found where not expected"),
        ({"SimilarityThreshold": {}}, "Start of structure or map found where not expected."),
        ({"QualityFilter": 5}, "NUMBER_VALUE can not be converted to a String"),
        ({"QualityFilter": False}, "FALSE_VALUE can not be converted to a String"),
        ({"QualityFilter": []}, "Start of list found where not expected"),
        ({"SourceImage": "x"}, "Expected null"),
        ({"SourceImage": 5}, "Expected null"),
        ({"SourceImage": []}, "Start of list found where not expected"),
        ({"SourceImage": {"Bytes": 5}}, "NUMBER_VALUE can not be converted to a Blob"),
        ({"SourceImage": {"Bytes": True}}, "TRUE_VALUE can not be converted to a Blob"),
        ({"SourceImage": {"Bytes": {}}}, "Start of structure or map found where not expected."),
        ({"SourceImage": {"Bytes": []}}, "Start of list found where not expected"),
        ({"SourceImage": {"S3Object": "b/k"}}, "Expected null"),
        ({"SourceImage": s3(Name=b"bytes")}, "bytes can not be converted to a String"),
        ({"SourceImage": s3(Name=1.5)}, "NUMBER_VALUE can not be converted to a String"),
        ({"SourceImage": s3(Name="\udc80")}, None),
    ],
)
def test_a_value_of_the_wrong_type_cannot_be_read(changes: dict[str, object], text: str | None) -> None:
    assert serialization_text(params(**changes)) == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("@@@@", "Invalid Base64 character: '@'"),
        ("ab_-", "Invalid Base64 character: '_'"),
        ("abc\n", "Invalid Base64 character: '\n'"),
        ("äöüß", "Invalid Base64 character: 'ä'"),
        ("=abc", "Invalid Base64 character: '='"),
        ("ab=c", "Invalid Base64 character: '='"),
        ("abcd====", "Invalid Base64 character: '='"),
        ("ab==abcd", "Invalid Base64 character: '='"),
        ("abcd=", "Base64 encoded length is expected a multiple of 4 bytes but found: 5"),
        ("abcde", "Base64 encoded length is expected a multiple of 4 bytes but found: 5"),
        ("abcd\n", "Base64 encoded length is expected a multiple of 4 bytes but found: 5"),
        ("QR==", "Invalid last non-pad Base64 character dectected"),
        ("AAAAQUJ=", "Invalid last non-pad Base64 character dectected"),
    ],
)
def test_bad_base64_is_told_with_its_fault(text: str, why: str) -> None:
    given = params(SourceImage={"Bytes": text})
    assert serialization_text(given) == f"'{text}' can not be converted to a Blob: {why}"


def test_a_long_bad_blob_is_not_sent_back_whole() -> None:
    told = serialization_text(params(SourceImage={"Bytes": "@" * 4_000_000}))
    assert told is not None
    assert len(told) < 200


@pytest.mark.parametrize("length", [1, 2, 3, 4, 5])
def test_every_length_of_base64_is_decoded(length: int) -> None:
    data = bytes(range(251, 251 + length))
    assert parse(params(SourceImage={"Bytes": b64(data)})).source == data


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"SimilarityThreshold": 100.5}, "Value '100.5' at 'similarityThreshold' {} value less than or equal to 100"),
        ({"SimilarityThreshold": 101}, "Value '101.0' at 'similarityThreshold' {} value less than or equal to 100"),
        ({"SimilarityThreshold": -1}, "Value '-1.0' at 'similarityThreshold' {} value greater than or equal to 0"),
        ({"SimilarityThreshold": "NaN"}, "Value 'NaN' at 'similarityThreshold' {} value less than or equal to 100"),
        (
            {"SimilarityThreshold": "-Infinity"},
            "Value '-Infinity' at 'similarityThreshold' {} value greater than or equal to 0",
        ),
        (
            {"SimilarityThreshold": 10**400},
            "Value 'Infinity' at 'similarityThreshold' {} value less than or equal to 100",
        ),
        (
            {"SourceImage": {"Bytes": ""}},
            f"Value '{heap(0)}' at 'sourceImage.bytes' {{}} length greater than or equal to 1",
        ),
        (
            {"TargetImage": {"Bytes": bytes(LIMIT + 1)}},
            f"Value '{heap(5242881)}' at 'targetImage.bytes' {{}} length less than or equal to 5242880",
        ),
        (
            {"SourceImage": s3(Bucket="ab")},
            "Value 'ab' at 'sourceImage.s3Object.bucket' {} length greater than or equal to 3",
        ),
        (
            {"TargetImage": s3(Bucket="b" * 256)},
            f"Value '{'b' * 256}' at 'targetImage.s3Object.bucket' {{}} length less than or equal to 255",
        ),
        (
            {"SourceImage": s3(Name="")},
            "Value '' at 'sourceImage.s3Object.name' {} length greater than or equal to 1",
        ),
        (
            {"SourceImage": s3(Name="n" * 1025)},
            f"Value '{'n' * 1025}' at 'sourceImage.s3Object.name' {{}} length less than or equal to 1024",
        ),
        (
            {"SourceImage": s3(Version="")},
            "Value '' at 'sourceImage.s3Object.version' {} length greater than or equal to 1",
        ),
    ],
)
def test_a_value_out_of_range_is_told_with_its_path(changes: dict[str, object], told: str) -> None:
    expected = "1 validation error detected: " + told.format("failed to satisfy constraint: Member must have")
    assert validation_text(params(**changes)) == expected


@pytest.mark.parametrize("bucket", ["a/b", "photos\n", "arn:aws:s3:::photos", "büro"])
def test_a_bucket_must_match_the_pattern_as_a_whole(bucket: str) -> None:
    assert validation_text(params(SourceImage=s3(Bucket=bucket))) == (
        f"1 validation error detected: Value '{bucket}' at 'sourceImage.s3Object.bucket' failed to satisfy constraint: "
        r"Member must satisfy regular expression pattern: [0-9A-Za-z\.\-_]*"
    )


@pytest.mark.parametrize("name", ["BAD", "auto", ""])
def test_a_quality_filter_outside_the_enum_is_told_with_the_set(name: str) -> None:
    told = validation_text(params(QualityFilter=name))
    found = re.fullmatch(
        f"1 validation error detected: Value '{name}' at 'qualityFilter' failed to satisfy constraint: "
        r"Member must satisfy enum value set: \[(.*)\]",
        told,
    )
    assert found is not None
    assert set(found[1].split(", ")) == set(QualityFilter)


@pytest.mark.parametrize("name", ["SourceImage", "TargetImage"])
def test_a_missing_picture_is_a_null_at_its_path(name: str) -> None:
    expected = (
        f"1 validation error detected: Value null at '{name[0].lower()}{name[1:]}' failed to satisfy constraint: "
        "Member must not be null"
    )
    assert validation_text(without(params(), name)) == expected
    assert validation_text(params(**{name: None})) == expected


def test_all_violations_of_a_request_are_told_at_once() -> None:
    told = validation_text(
        params(SourceImage={"Bytes": ""}, TargetImage=s3(Bucket="/"), SimilarityThreshold=101, QualityFilter="BAD")
    )
    assert told.startswith("5 validation errors detected: Value 'java.nio")
    paths = re.findall(r"at '(\S+)'", told)
    assert paths == [
        "sourceImage.bytes",
        "targetImage.s3Object.bucket",
        "targetImage.s3Object.bucket",
        "similarityThreshold",
        "qualityFilter",
    ]
    assert len(told.split("; ")) == 5


def test_a_megabyte_of_key_is_not_sent_back_whole() -> None:
    assert len(validation_text(params(SourceImage=s3(Name="n" * 1_000_000)))) < 3000


def test_bytes_of_exactly_the_limit_pass() -> None:
    source = parse(params(SourceImage={"Bytes": b64(bytes(LIMIT))})).source
    assert isinstance(source, bytes)
    assert len(source) == LIMIT


@pytest.mark.parametrize(
    "image",
    [
        {},
        {"Bytes": None},
        {"S3Object": {}},
        {"S3Object": {"Bucket": "photos"}},
        {"S3Object": {"Name": "a.jpg"}},
        {"S3Object": {"Bucket": "photos", "Name": None}},
        {"Bytes": "QUJD"} | s3(),
        {"Bytes": "QUJD", "S3Object": {}},
    ],
    ids=json.dumps,
)
@pytest.mark.parametrize("role", ["Source", "Target"])
def test_a_picture_is_either_bytes_or_a_whole_reference(image: dict[str, object], role: str) -> None:
    with pytest.raises(InvalidRequest, match=f"the {role.lower()} image"):
        parse(params(**{f"{role}Image": image}))


def test_types_are_judged_before_ranges_and_ranges_before_sense() -> None:
    everything: dict[str, object] = {"SourceImage": {}, "TargetImage": {"Bytes": ""}, "SimilarityThreshold": "80"}
    assert refusal_of(everything).code == "SerializationException"
    assert refusal_of(without(everything, "SimilarityThreshold")).code == "ValidationException"


def test_the_source_is_blamed_before_the_target() -> None:
    with pytest.raises(InvalidRequest, match="source"):
        parse({"TargetImage": {}, "SourceImage": {}})
    assert serialization_text({"TargetImage": [], "SourceImage": "x"}) == "Expected null"
