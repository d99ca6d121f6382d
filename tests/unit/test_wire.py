import json
import pickle
import re
import tracemalloc

import pytest

from visavis.api.operations import OPERATIONS
from visavis.api.shapes import Shape, input_of
from visavis.aws import wire
from visavis.aws.wire import WireError


def refusal_of(body: bytes) -> WireError:
    with pytest.raises(WireError) as caught:
        wire.parse_body(body)
    return caught.value


def test_a_body_may_have_any_spacing_order_and_escape() -> None:
    assert wire.parse_body(b'\n{ "b" : 1 ,\t"a":"\\u00e9"}') == {"b": 1, "a": "é"}


def test_a_body_may_be_utf_8() -> None:
    assert wire.parse_body('{"a":"é"}'.encode()) == {"a": "é"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"5",
        b"true",
        b'"text"',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1}x',
        b"\xff\xfe{\x00}\x00",
        b'{"a":"\xe9"}',
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":' + b"[" * 200_000,
        b'{"a":' + b"1" * 5000 + b"}",
    ],
    ids=lambda body: repr(body[:12]),
)
def test_a_body_that_is_no_json_object_is_refused_without_a_text(body: bytes) -> None:
    assert wire.error_body(refusal_of(body)) == b'{"__type":"SerializationException"}'


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "the body is not JSON: Expecting value: line 1 column 1 (char 0)"),
        (b'{"a":"\xe9"}', "the body is not JSON: 'utf-8' codec can't decode byte 0xe9 in position 6"),
        (b'{"a":NaN}', "the body is not JSON: NaN is not JSON"),
        (b"5", "the body is JSON, but not an object"),
    ],
)
def test_the_log_hears_what_is_wrong_with_a_body(body: bytes, reason: str) -> None:
    assert (refusal_of(body).reason or "").startswith(reason)


@pytest.mark.parametrize(
    "body",
    [
        b'{"x":[' + b'{"":0},' * wire.MAX_SEPARATORS + b"0]}",
        b'{"x":[' + b"[]," * wire.MAX_SEPARATORS + b"0]}",
        b'{"x":' + b"[" * wire.MAX_SEPARATORS,
        b'{"x":"' + b"," * wire.MAX_SEPARATORS + b'"}',
    ],
    ids=lambda body: repr(body[:14]),
)
def test_a_body_of_more_values_than_any_request_is_refused_before_it_is_parsed(
    body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(json, "loads")
    refusal = refusal_of(body)
    assert wire.error_body(refusal) == b'{"__type":"SerializationException"}'
    assert refusal.reason == "the body has more than 10000 commas, colons and brackets"


def test_a_body_of_just_so_many_values_is_parsed() -> None:
    zeros = wire.MAX_SEPARATORS - 2  # beside the colon and the bracket
    assert wire.parse_body(b'{"x":[' + b"0," * zeros + b"0]}") == {"x": [0] * (zeros + 1)}


@pytest.mark.parametrize(
    "body",
    [
        b'{"x":[' + b'{"":0},' * (wire.MAX_SEPARATORS // 2 - 2) + b"0]}",
        b'{"x":[' + b"[]," * (wire.MAX_SEPARATORS // 2 - 2) + b"0]}",
        b'{"x":[' + (b'{"":' * 900 + b"0" + b"}" * 900 + b",") * (wire.MAX_SEPARATORS // 901) + b"0]}",
    ],
    ids=["objects", "lists", "nested"],
)
def test_the_objects_that_a_body_becomes_take_2_megabytes_at_most(body: bytes) -> None:
    tracemalloc.start()
    try:
        wire.parse_body(body)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_models_largest_request_has_less_than_half_of_that(operation: str) -> None:
    def largest(shape: Shape) -> object:
        if shape.kind == "structure":
            return {name: largest(member) for name, member in shape.members.items()}
        if shape.kind == "list":
            assert shape.item is not None
            return list(shape.item.enum)
        return "," * int(shape.maximum or 0) if shape.kind == "string" else 0

    body = json.dumps(largest(input_of(operation))).encode()
    assert sum(body.count(separator) for separator in (b",", b":", b"[")) < wire.MAX_SEPARATORS / 2


def test_a_list_as_the_body_is_refused_with_a_text() -> None:
    assert json.loads(wire.error_body(refusal_of(b"[]"))) == {
        "__type": "SerializationException",
        "Message": "Start of list found where not expected",
    }


def test_json_is_compact_and_keeps_the_order_of_keys() -> None:
    assert wire.encode({"b": [1.0, {"c": "x y"}], "a": []}) == b'{"b":[1.0,{"c":"x y"}],"a":[]}'


@pytest.mark.parametrize("number", [100.0, 0.0, -0.0, 1e-7, 1e16, 1e22, 0.10000000149011612])
def test_a_float_always_shows_that_it_is_one(number: float) -> None:
    text = wire.encode({"n": number}).decode()[5:-1]
    assert re.search(r"[.e]", text)
    assert float(text) == number


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_json_cannot_say_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        wire.encode({"n": number})


def test_a_service_error_has_a_code_and_a_capital_message() -> None:
    error = WireError(400, "InvalidParameterException", "Request has invalid parameters")
    assert wire.error_body(error) == (
        b'{"__type":"InvalidParameterException","Code":"InvalidParameterException",'
        b'"Message":"Request has invalid parameters"}'
    )


def test_a_framework_error_has_a_lower_case_message_and_no_code() -> None:
    error = WireError(400, "ValidationException", "1 validation error detected: …", "framework")
    assert json.loads(wire.error_body(error)) == {
        "__type": "ValidationException",
        "message": "1 validation error detected: …",
    }


def test_a_lone_surrogate_in_a_message_still_makes_valid_bytes() -> None:
    assert json.loads(wire.error_body(wire.serialization_error("\ud800"))) == {
        "__type": "SerializationException",
        "Message": "\ud800",
    }


def test_an_error_survives_a_trip_between_processes() -> None:
    error = pickle.loads(pickle.dumps(wire.serialization_error("why", reason="because")))
    assert (error.status, error.code, error.message, error.kind, error.reason) == (
        400,
        "SerializationException",
        "why",
        "serialization",
        "because",
    )


def test_request_ids_are_lower_case_uuids_and_differ() -> None:
    first, second = wire.new_request_id(), wire.new_request_id()
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", first)
    assert first != second
