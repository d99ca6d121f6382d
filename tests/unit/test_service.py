"""A made-up service, because the protocol depends on no service."""

import json

import pytest

from visavis.aws.service import Service
from visavis.aws.wire import CONTENT_TYPE, WireError, error_body

SERVICE = Service("picture", "Picture", "PictureService.", ("FindCats", "FindDogs"))


def headers(target: str = "PictureService.FindCats", content_type: str = CONTENT_TYPE) -> dict[str, str]:
    return {"X-Amz-Target": target, "Content-Type": content_type}


def test_the_target_header_names_the_operation() -> None:
    assert SERVICE.operation_of(headers()) == "FindCats"


def test_header_names_are_read_in_any_case() -> None:
    assert SERVICE.operation_of({name.lower(): value for name, value in headers().items()}) == "FindCats"


def test_a_charset_beside_the_content_type_is_accepted() -> None:
    assert SERVICE.operation_of(headers(content_type="application/x-amz-json-1.1; charset=utf-8")) == "FindCats"


JSON_ONLY = f"which must be {CONTENT_TYPE}"


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({}, "the request has no X-Amz-Target header"),
        ({"Content-Type": CONTENT_TYPE}, "the request has no X-Amz-Target header"),
        (headers("PictureService.Nope"), "Nope is not supported"),
        (headers("PictureService.FindBirds"), "FindBirds is not supported"),
        (headers("PictureService."), "the request has no X-Amz-Target header"),
        (headers("pictureservice.findcats"), "pictureservice.findcats is not supported"),
        (headers("PictureService.FindCats.More"), "FindCats.More is not supported"),
        (
            headers("Other.PictureService.FindCats"),
            "Other.PictureService.FindCats is not supported",
        ),
        (headers("FindCats"), "FindCats is not supported"),
        (headers("OtherService.FindCats"), "OtherService.FindCats is not supported"),
        (headers("DynamoDB_20120810.ListTables"), "DynamoDB_20120810.ListTables is not supported"),
        (
            headers(content_type="application/json; charset=utf-8"),
            f"FindCats was sent with Content-Type application/json, {JSON_ONLY}",
        ),
        (headers(content_type=""), f"FindCats was sent without a Content-Type, {JSON_ONLY}"),
    ],
)
def test_an_operation_that_is_not_ours_is_named_beside_what_is(given: dict[str, str], what: str) -> None:
    with pytest.raises(WireError) as caught:
        SERVICE.operation_of(given)
    assert caught.value.status == 400
    assert json.loads(error_body(caught.value)) == {
        "__type": "UnknownOperationException",
        "message": f"{what}; visavis answers FindCats and FindDogs",
    }


def test_what_a_caller_wrote_is_repeated_on_one_line_and_cut() -> None:
    asked = SERVICE.requested_operation({"x-amz-target": "PictureService.A\r\n\x1b\x85B" + "x" * 10_000})
    assert asked == "A????B" + "x" * 57 + "…"
    assert SERVICE.requested_operation({}) is None
    with pytest.raises(WireError) as caught:
        SERVICE.operation_of(headers(content_type="text/\x1b" + "y" * 10_000))
    assert "text/?yyy" in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("operations", "answered", "answered_any"),
    [(("A",), "A", "A"), (("A", "B"), "A and B", "A or B"), (("A", "B", "C"), "A, B and C", "A, B or C")],
)
def test_operations_are_listed_as_a_text_lists_them(
    operations: tuple[str, ...], answered: str, answered_any: str
) -> None:
    service = Service("picture", "Picture", "PictureService.", operations)
    assert (service.answered, service.answered_any) == (answered, answered_any)
