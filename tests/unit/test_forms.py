"""How clients of other protocols are recognised and which errors they get."""

import json
from xml.etree import ElementTree

import pytest

from visavis.api.operations import SERVICE
from visavis.aws.forms import Form, error_in, form_of, requested_action, unsupported_request
from visavis.aws.wire import CONTENT_TYPE, WireError

QUERY_BODY = "application/x-www-form-urlencoded; charset=utf-8"


def scope(service: str) -> dict[str, str]:
    credential = f"AKID/20260131/us-east-1/{service}/aws4_request"
    return {"authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"}


@pytest.mark.parametrize(
    ("method", "query", "headers", "form"),
    [
        ("POST", "", {}, Form.JSON),
        ("POST", "", {"content-type": CONTENT_TYPE}, Form.JSON),
        ("POST", "", {"x-amz-target": "RekognitionService.CompareFaces", "content-type": QUERY_BODY}, Form.JSON),
        ("POST", "", {"x-amz-target": "DynamoDB_20120810.ListTables"} | scope("dynamodb"), Form.JSON),
        ("POST", "", {"content-type": QUERY_BODY} | scope("sts"), Form.QUERY),
        ("POST", "", {"content-type": QUERY_BODY}, Form.QUERY),
        ("GET", "", scope("s3"), Form.S3),
        ("POST", "delete", scope("s3"), Form.S3),
        ("PUT", "", scope("s3express"), Form.S3),
        ("GET", "X-Amz-Credential=AKID%2F20260131%2Fus-east-1%2Fs3%2Faws4_request", {}, Form.S3),
        ("GET", "", scope("lambda"), Form.JSON),
        ("GET", "list-type=2&prefix=a", {}, Form.S3),
        ("GET", "x-id=GetObject", {}, Form.S3),
        ("HEAD", "", {"x-amz-content-sha256": "UNSIGNED-PAYLOAD"}, Form.S3),
        ("GET", "", {"amz-sdk-invocation-id": "1"}, Form.S3),
        ("GET", "", {"accept": "text/html", "user-agent": "Mozilla/5.0"}, Form.TEXT),
        ("GET", "", {}, Form.TEXT),
        ("GET", "", {"authorization": "Basic dXNlcjpwYXNz"}, Form.TEXT),
    ],
)
def test_the_form_is_that_of_the_asker(method: str, query: str, headers: dict[str, str], form: Form) -> None:
    assert form_of(method, query, headers) is form


@pytest.mark.parametrize(
    ("body", "action"),
    [
        (b"Action=GetCallerIdentity&Version=2011-06-15", "GetCallerIdentity"),
        (b"Version=1&Action=A%0A%C3%A9", None),
        (b"Action=" + b"x" * 64, "x" * 64),
        (b"Action=" + b"x" * 65, None),  # base64 of a picture, perhaps
        (b"Action=/9j/4AAQSkZJRgABAQ", None),
        (b"Version=1", None),
        (b"", None),
        (b"\xff\xfe%zz", None),
        (b"&".join(b"a=b" for _ in range(2000)), None),
    ],
)
def test_the_action_of_a_form_body_is_named(body: bytes, action: str | None) -> None:
    assert requested_action(SERVICE, Form.QUERY, {}, body) == action


@pytest.mark.parametrize("form", Form)
def test_a_stranger_hears_what_stands_here(form: Form) -> None:
    error = unsupported_request(SERVICE, form, "SomeOperation")
    assert error.status >= 400
    assert f"This is visavis. It answers {SERVICE.answered} of Amazon Rekognition" in (error.message or "")


def test_an_error_has_the_form_that_its_reader_parses() -> None:
    error = WireError(400, "Code", "<a> & b", "framework")
    body, media_type = error_in(Form.JSON, error, "id-1")
    assert (json.loads(body), media_type) == ({"__type": "Code", "message": "<a> & b"}, CONTENT_TYPE)
    assert error_in(Form.TEXT, error, "id-1") == (b"<a> & b\n", "text/plain; charset=utf-8")
    for form, path in ((Form.S3, "."), (Form.QUERY, "./Error")):
        body, media_type = error_in(form, error, "id-1")
        root = ElementTree.fromstring(body)
        fault = root.find(path)
        assert fault is not None
        assert (fault.findtext("Code"), fault.findtext("Message")) == ("Code", "<a> & b")
        assert (root.findtext("RequestId"), media_type) == ("id-1", "application/xml")
