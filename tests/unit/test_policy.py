import time
from typing import Any

import pytest

from visavis.aws.policy import LOCAL_CALLER, Caller, Policy, Verdict
from visavis.errors import SettingsError

COMPARE = "rekognition:CompareFaces"
OBJECT = "arn:aws:s3:::photos/team/a.jpg"


def statement(
    effect: str = "Allow", action: object = COMPARE, resource: object = "*", **more: object
) -> dict[str, object]:
    return {"Effect": effect, "Action": action, "Resource": resource} | more


def policy(*statements: dict[str, object]) -> Policy:
    return Policy.parse(list(statements))


def test_a_policy_that_allows_an_action_allows_it() -> None:
    assert policy(statement()).verdict(COMPARE) is Verdict.ALLOWED


def test_what_nothing_allows_is_denied() -> None:
    assert policy().verdict(COMPARE) is Verdict.NOT_ALLOWED
    assert policy(statement(action="rekognition:DetectFaces")).verdict(COMPARE) is Verdict.NOT_ALLOWED


@pytest.mark.parametrize("turned", [False, True])
def test_an_explicit_deny_wins_wherever_it_stands(turned: bool) -> None:
    both = [statement("Allow", "*"), statement("Deny", COMPARE)]
    assert policy(*(reversed(both) if turned else both)).verdict(COMPARE) is Verdict.DENIED


@pytest.mark.parametrize(
    "action",
    ["*", "rekognition:*", "rekognition:Compare*", "rekognition:Compare?aces", "REKOGNITION:comparefaces", [COMPARE]],
)
def test_an_action_may_have_wildcards_and_any_case(action: object) -> None:
    assert policy(statement(action=action)).verdict(COMPARE) is Verdict.ALLOWED


@pytest.mark.parametrize("action", ["rekognition:Compare", "rekognition:?ompare", "s3:*", "rekognition:CompareFaces?"])
def test_a_pattern_must_cover_the_whole_action(action: str) -> None:
    assert policy(statement(action=action)).verdict(COMPARE) is Verdict.NOT_ALLOWED


def test_compare_faces_knows_no_resource_but_the_star() -> None:
    narrow = policy(statement(resource="arn:aws:rekognition:us-east-1:1:collection/x"))
    assert narrow.verdict(COMPARE) is Verdict.NOT_ALLOWED


@pytest.mark.parametrize(
    "resource", ["*", "arn:aws:s3:::*", "arn:aws:s3:::photos/*", "arn:aws:s3:::photos/team/?.jpg", OBJECT]
)
def test_an_object_may_be_allowed_by_its_arn(resource: str) -> None:
    assert (
        policy(statement(action="s3:GetObject", resource=resource)).verdict("s3:GetObject", OBJECT) is Verdict.ALLOWED
    )


@pytest.mark.parametrize(
    "resource", ["arn:aws:s3:::photos", "arn:aws:s3:::other/*", "arn:aws:s3:::PHOTOS/*", "arn:aws:s3:::photos/[t]eam/*"]
)
def test_an_arn_must_fit_in_exact_case_and_has_no_sets(resource: str) -> None:
    allowed = policy(statement(action="s3:GetObject", resource=resource))
    assert allowed.verdict("s3:GetObject", OBJECT) is Verdict.NOT_ALLOWED


def test_a_key_with_a_line_break_is_covered_by_a_star() -> None:
    denied = policy(statement("Deny", "s3:*", "arn:aws:s3:::photos/*"))
    assert denied.verdict("s3:GetObject", "arn:aws:s3:::photos/a\nb") is Verdict.DENIED


def test_a_whole_document_is_read_like_its_statements() -> None:
    document = {"Version": "2012-10-17", "Id": "x", "Statement": [statement(Sid="one")]}
    assert Policy.parse(document) == policy(statement())
    assert Policy.parse({"Statement": statement()}) == policy(statement())


@pytest.mark.parametrize(
    "document",
    [
        None,
        "Allow",
        {},
        {"Version": "2013-01-01", "Statement": []},
        {"Statement": [], "Statements": []},
        [None],
        [{"Effect": "Allow", "Action": COMPARE}],
        [{"Effect": "Allow", "Resource": "*"}],
        [statement("allow")],
        [statement([])],  # type: ignore[arg-type]
        [statement(action=[])],
        [statement(action=[COMPARE, 5])],
        [statement(action="CompareFaces")],
        [statement(action="rekognition:Compare Faces")],
        [statement(resource="photos/*")],
        [statement(resource="arn:aws:s3:::${aws:username}/*")],
        [statement(Condition={"Bool": {"aws:SecureTransport": "true"}})],
        [statement(Principal="*")],
        [{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}],
        [{"Effect": "Allow", "Action": "s3:*", "NotResource": "*"}],
    ],
    ids=repr,
)
def test_a_policy_that_says_more_than_is_known_is_refused(document: Any) -> None:
    with pytest.raises(SettingsError):
        Policy.parse(document)


def test_many_stars_take_no_time_on_a_key_made_to_resist() -> None:
    resource = "arn:aws:s3:::photos/" + "*a" * 30 + "b"
    started = time.monotonic()
    found = policy(statement("Deny", "s3:*", resource)).verdict("s3:GetObject", "arn:aws:s3:::photos/" + "a" * 1024)
    assert found is Verdict.NOT_ALLOWED
    assert time.monotonic() - started < 2


def test_a_caller_without_a_policy_may_do_everything() -> None:
    assert LOCAL_CALLER.verdict(COMPARE) is Verdict.ALLOWED


def test_a_caller_with_a_policy_is_held_to_it() -> None:
    assert Caller("AKID", "arn:aws:iam::123456789012:user/u", policy()).verdict(COMPARE) is Verdict.NOT_ALLOWED
