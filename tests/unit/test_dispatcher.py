import logging
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from visavis.analysis import Analysis
from visavis.api.dispatcher import Dispatcher
from visavis.api.errors import reason_of, to_wire
from visavis.api.images import S3ObjectRef
from visavis.api.objects import OBJECT_LIMIT, NoStore, ObjectStore
from visavis.api.operations import SERVICE
from visavis.api.response import FieldSet
from visavis.aws.policy import LOCAL_CALLER, Caller, Policy
from visavis.aws.wire import WireError
from visavis.compare_options import CompareOptions
from visavis.comparison import Comparison, Match
from visavis.errors import BadImage, ImageTooLarge, ModelCorrupt, NoFace, ObjectUnavailable, Overloaded
from visavis.face import Detail, Face, Landmark, LandmarkType, Pose, Quality, QualityFilter
from visavis.geometry import Box, Size

S3 = {"S3Object": {"Bucket": "photos", "Name": "team/a.jpg"}}
VERSIONED = {"S3Object": {"Bucket": "photos", "Name": "team/a.jpg", "Version": "7"}}
BYTES = {"Bytes": b"bytes"}
ARN = "arn:aws:iam::123456789012:user/test"

MAY_COMPARE = {"Effect": "Allow", "Action": "rekognition:CompareFaces", "Resource": "*"}
MAY_READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::photos/team/*"}
MAY_READ_VERSIONS = MAY_READ | {"Action": "s3:GetObjectVersion"}


def make_comparison() -> Comparison:
    landmarks = tuple(Landmark(kind, 5.0, 5.0) for kind in LandmarkType)
    face = Face(
        Box(0, 0, 5, 5), Size(10, 10), 99.0, landmarks, Pose(0, 0, 0), Quality(50, 50, 50), np.ones(1, np.float32)
    )
    return Comparison((face,), (Match(100.0, 1.0, face),), (), threshold=80.0)


@dataclass
class FakeEngine:
    """Records its calls; raises `error` if it has one."""

    error: Exception | None = None
    asked: list[tuple[bytes, bytes, CompareOptions]] = field(default_factory=list)

    def compare(self, source: bytes, target: bytes, options: CompareOptions, *, deadline: object = None) -> Comparison:
        self.asked.append((source, target, options))
        if self.error is not None:
            raise self.error
        return make_comparison()

    def analyze(self, image: bytes, *, detail: Detail, deadline: object = None) -> Analysis:
        raise NotImplementedError


@dataclass
class FakeStore:
    asked: list[tuple[S3ObjectRef, int]] = field(default_factory=list)

    def read(self, ref: S3ObjectRef, *, limit: int) -> bytes:
        self.asked.append((ref, limit))
        return f"{ref.name} {ref.version}".encode()


def params(source: object = BYTES, target: object = BYTES, **more: object) -> dict[str, object]:
    return {"SourceImage": source, "TargetImage": target} | more


def caller(*statements: dict[str, Any]) -> Caller:
    return Caller("AKID", ARN, Policy.parse(list(statements)))


def dispatch(
    given: dict[str, object],
    *,
    engine: FakeEngine | None = None,
    store: ObjectStore | None = None,
    who: Caller = LOCAL_CALLER,
    attributes: FieldSet = FieldSet.ALL,
) -> dict[str, Any]:
    return Dispatcher(engine or FakeEngine(), store or FakeStore(), attributes).dispatch("CompareFaces", given, who)


def failure_of(given: dict[str, object], **parts: Any) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - any error
        dispatch(given, **parts)
    return caught.value


def refusal_of(given: dict[str, object], **parts: Any) -> WireError:
    return to_wire(failure_of(given, **parts))


def test_a_request_reaches_the_engine_and_its_comparison_comes_back() -> None:
    engine = FakeEngine()
    answer = dispatch(params(target={"Bytes": b"two"}, SimilarityThreshold=7, QualityFilter="HIGH"), engine=engine)
    assert engine.asked == [(b"bytes", b"two", CompareOptions(7.0, QualityFilter.HIGH))]
    assert answer["FaceMatches"][0]["Similarity"] == 100.0


@pytest.mark.parametrize(("attributes", "count"), [(FieldSet.ALL, 30), (FieldSet.DEFAULT, 5)])
def test_the_attributes_are_those_the_dispatcher_was_made_with(attributes: FieldSet, count: int) -> None:
    answer = dispatch(params(), attributes=attributes)
    assert len(answer["FaceMatches"][0]["Face"]["Landmarks"]) == count


def test_both_objects_of_a_request_are_read_from_what_the_store_gives_for_it() -> None:
    given: list[FakeStore] = []

    class Deadlines(FakeStore):
        def for_request(self, deadline: object) -> ObjectStore:
            given.append(FakeStore())
            return given[-1]

    store = Deadlines()
    for _ in range(2):
        dispatch(params(S3, S3), store=store)
    assert [len(each.asked) for each in [store, *given]] == [0, 2, 2]


@pytest.mark.parametrize(("attributes", "detail"), [(FieldSet.ALL, Detail.ALL), (FieldSet.DEFAULT, Detail.MINIMAL)])
def test_what_a_response_omits_is_not_looked_for(attributes: FieldSet, detail: Detail) -> None:
    engine = FakeEngine()
    dispatch(params(), engine=engine, attributes=attributes)
    assert [options.detail for _, _, options in engine.asked] == [detail]


def test_another_operation_is_unknown() -> None:
    with pytest.raises(WireError) as caught:
        Dispatcher(FakeEngine(), NoStore()).dispatch("DetectMoods", {}, LOCAL_CALLER)
    assert (caught.value.code, caught.value.message) == (
        "UnknownOperationException",
        f"DetectMoods is not supported; visavis answers {SERVICE.answered}",
    )


def test_objects_are_read_source_first_up_to_their_limit() -> None:
    engine, store = FakeEngine(), FakeStore()
    dispatch(params(VERSIONED, S3), engine=engine, store=store)
    latest, seventh = S3ObjectRef("photos", "team/a.jpg"), S3ObjectRef("photos", "team/a.jpg", "7")
    assert store.asked == [(seventh, OBJECT_LIMIT), (latest, OBJECT_LIMIT)]
    assert engine.asked[0][:2] == (b"team/a.jpg 7", b"team/a.jpg None")


@pytest.mark.parametrize("error", [BadImage("x"), NoFace("x"), Overloaded("x"), ModelCorrupt("x"), ZeroDivisionError()])
def test_an_error_of_the_engine_comes_out_as_it_is(error: Exception) -> None:
    assert failure_of(params(), engine=FakeEngine(error)) is error


def test_a_request_without_sense_is_an_invalid_parameter() -> None:
    refusal = refusal_of(params(source={}))
    assert (refusal.status, refusal.code, refusal.message) == (
        400,
        "InvalidParameterException",
        "Request has invalid parameters",
    )


def test_a_caller_whose_policy_is_silent_is_denied_by_name() -> None:
    refusal = refusal_of(params(), who=caller())
    assert (refusal.status, refusal.code, refusal.kind) == (400, "AccessDeniedException", "service")
    assert refusal.message == (
        f"User: {ARN} is not authorized to perform: rekognition:CompareFaces "
        "because no identity-based policy allows the rekognition:CompareFaces action"
    )


def test_a_caller_whose_policy_denies_is_told_of_the_deny() -> None:
    refusal = refusal_of(params(), who=caller(MAY_COMPARE, MAY_COMPARE | {"Effect": "Deny"}))
    assert refusal.message == (
        f"User: {ARN} is not authorized to perform: rekognition:CompareFaces "
        "with an explicit deny in an identity-based policy"
    )


def test_a_caller_whose_policy_allows_is_answered() -> None:
    assert dispatch(params(), who=caller(MAY_COMPARE))["FaceMatches"]


def test_authorization_comes_after_types_and_before_ranges() -> None:
    assert refusal_of(params(SimilarityThreshold=101), who=caller()).code == "AccessDeniedException"
    assert refusal_of(params(SimilarityThreshold="x"), who=caller()).code == "SerializationException"


@pytest.mark.parametrize(
    ("image", "allowed"),
    [
        (S3, [MAY_READ]),
        (VERSIONED, [MAY_READ, MAY_READ_VERSIONS]),
    ],
)
def test_a_caller_with_a_policy_reads_the_objects_it_may(image: dict[str, Any], allowed: list[dict[str, Any]]) -> None:
    store = FakeStore()
    dispatch(params(target=image), store=store, who=caller(MAY_COMPARE, *allowed))
    assert len(store.asked) == 1


@pytest.mark.parametrize(
    ("image", "allowed"),
    [
        (S3, []),
        (S3, [MAY_READ_VERSIONS]),
        (S3, [MAY_READ | {"Resource": "arn:aws:s3:::photos/other/*"}]),
        (S3, [MAY_READ, MAY_READ | {"Effect": "Deny", "Resource": "*"}]),
        (VERSIONED, [MAY_READ]),
    ],
)
def test_an_object_that_the_policy_withholds_is_never_asked_for(
    image: dict[str, Any], allowed: list[dict[str, Any]]
) -> None:
    store = FakeStore()
    refusal = refusal_of(params(target=image), store=store, who=caller(MAY_COMPARE, *allowed))
    assert refusal.code == "InvalidS3ObjectException"
    assert store.asked == []


def test_a_withheld_object_looks_like_a_missing_one() -> None:
    class Empty:
        def read(self, ref: S3ObjectRef, *, limit: int) -> bytes:
            raise ObjectUnavailable("missing")

    withheld = refusal_of(params(source=S3), who=caller(MAY_COMPARE))
    missing = refusal_of(params(source=S3), store=Empty())
    assert withheld.args == missing.args


@pytest.mark.parametrize(
    ("allowed", "reason"),
    [
        ([], f"source: the policy of {ARN} does not allow s3:GetObject on this key of bucket photos"),
        (
            [MAY_READ, MAY_READ | {"Effect": "Deny"}],
            f"source: the policy of {ARN} denies s3:GetObject on this key of bucket photos",
        ),
        ([MAY_READ], f"source: the policy of {ARN} does not allow s3:GetObjectVersion on this key of bucket photos"),
    ],
)
def test_a_policy_that_withholds_an_object_is_the_reason(allowed: list[dict[str, Any]], reason: str) -> None:
    failure = failure_of(params(source=VERSIONED, target=S3), who=caller(MAY_COMPARE, *allowed))
    assert reason_of(failure) == reason


@pytest.mark.parametrize("error", [ObjectUnavailable("missing"), ImageTooLarge("over 15 MB")])
def test_the_reason_says_which_object_cannot_be_had_and_only_debug_says_its_key(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    class OneObject:
        def read(self, ref: S3ObjectRef, *, limit: int) -> bytes:
            if ref.version is None:
                raise error
            return b"bytes"

    caplog.set_level(logging.DEBUG, "visavis")
    failure = failure_of(params(source=VERSIONED, target=S3), store=OneObject())
    assert reason_of(failure) == f"target: {error}"
    assert type(failure) is type(error)
    (record,) = caplog.records
    assert (record.levelno, record.__dict__["key"]) == (logging.DEBUG, "team/a.jpg")


def test_a_reason_never_repeats_a_text_of_the_caller() -> None:
    secret = "jane-doe"
    objects: list[dict[str, Any]] = [
        {"Bucket": f"{secret}/", "Name": f"{secret}.jpg"},
        {"Bucket": "photos", "Name": secret * 200},
        {"Bucket": "photos", "Name": "a.jpg", "Version": secret * 200},
        {"Bucket": "photos", "Name": f"{secret}\ud800"},
        {"Bucket": "photos", "Name": [secret]},
        {"Name": secret},
    ]
    wrong: list[dict[str, object]] = [params(source={"S3Object": found}) for found in objects]
    wrong += [
        params(target={"Bytes": text})
        for text in (secret, f"{secret}=", f"{secret}!!", f"{secret}AB==", f"{secret}AA===")
    ]
    wrong += [params(QualityFilter=secret), params(SimilarityThreshold=secret)]
    for given in wrong:
        failure = failure_of(given)
        codes = {"ValidationException", "SerializationException", "InvalidParameterException"}
        assert to_wire(failure).code in codes
        assert secret not in reason_of(failure)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (
            params({"S3Object": {"Bucket": "photos", "Name": "n" * 1025}}, {"Bytes": b""}),
            (
                "sourceImage.s3Object.name has 1025 characters and must have length less than or equal to 1024; "
                "targetImage.bytes has 0 bytes and must have length greater than or equal to 1"
            ),
        ),
        ({"SourceImage": BYTES, "SimilarityThreshold": 101}, "targetImage must not be null"),
        (params(SimilarityThreshold=101), "similarityThreshold is 101 and must have value less than or equal to 100"),
        (
            params(QualityFilter="BAD"),
            "qualityFilter has 3 characters and must satisfy enum value set: [NONE, AUTO, LOW, MEDIUM, HIGH]",
        ),
        (params(source={"Bytes": "abcde"}), "a text of 5 characters can not be converted to a Blob: "),
        (params(source={}), "the source image needs either Bytes, or an S3Object with Bucket and Name"),
    ],
)
def test_a_reason_names_the_member_the_constraint_and_the_numbers(given: dict[str, object], reason: str) -> None:
    assert reason_of(failure_of(given)).startswith(reason)
