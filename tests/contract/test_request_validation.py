"""Our check of a request accepts what botocore's own validator and the limits in its model accept, and nothing else."""

from __future__ import annotations

import base64
import json
import math
from functools import cache
from typing import Any

import pytest
from fuzz.reference import accepts, model
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from visavis.api.constraints import violations
from visavis.api.decoding import Fields, decode_structure
from visavis.api.operations import OPERATIONS
from visavis.api.shapes import input_of
from visavis.aws.wire import WireError

WRONG = st.sampled_from(
    [None, True, 0, -1, 0.5, 10**400, "", "a", "NaN", "\ud83d", [], ["a"], [None], {}, {"a": 1}, {"a": None}]
)
"""JSON values that are wrong in most places."""

NEARLY_BASE64 = ["YQ", "YQ=", "YR==", "YWJ=", "YQ==\n", " YQ==", "YQ==YQ==", "Y===", "====", "YQ-_", "Y\u00e9=="]

LONGEST = 3000
"""Characters of a text that is drawn. The longest limit of a text, but for the bytes of an image, is 2048."""


def fields_of(operation: str, params: object) -> Fields | None:
    """The typed members, if we accept the request."""
    shape = input_of(operation)
    try:
        fields = decode_structure(shape, params)
    except WireError:
        return None
    return None if any(violations(shape, fields)) else fields


def requests_of(operation: str) -> st.SearchStrategy[Any]:
    """JSON values, most of them as the model's shape of a request has them."""
    return right(model().operation_model(operation).input_shape)


def either(shape: Any) -> st.SearchStrategy[Any]:
    return st.integers(0, 15).flatmap(lambda chance: right(shape) if chance else WRONG)


def right(shape: Any) -> st.SearchStrategy[Any]:
    """Values of the right type, which may break a limit."""
    kind, limits = shape.type_name, shape.metadata
    low, high = limits.get("min", 0), limits.get("max", 50)
    match kind:
        case "structure":
            members = {name: either(member) for name, member in shape.members.items()}
            required = {name: members.pop(name) for name in limits.get("required", ())}
            return st.fixed_dictionaries(required, optional=members | {"Unknown": WRONG})
        case "list":
            return st.lists(either(shape.member), min_size=min(low, 3), max_size=4)
        case "map":
            return st.dictionaries(right(shape.key), either(shape.value), max_size=3)
        case "boolean":
            return st.booleans()
        case "float":
            edges = [
                low,
                high,
                math.nextafter(low, -1),
                math.nextafter(high, math.inf),
                "NaN",
                "Infinity",
                -0.0,
                10**400,
            ]
            return st.sampled_from(edges) | st.floats(low, high) | st.integers(low - 1, high + 1)
        case "integer" | "long":
            return st.integers(low - 1, high + 1) | st.sampled_from([float(low), high + 0.5, 2**63])
        case "blob":
            blobs = lengths(low, high).flatmap(lambda n: st.binary(min_size=n, max_size=n)).map(in_base64)
            return blobs | st.sampled_from(NEARLY_BASE64)
    texts = st.text(max_size=9) | lengths(low, high).map(lambda n: "a" * n)
    if "enum" in limits:
        return st.sampled_from(shape.enum)
    if "pattern" not in limits:
        return texts
    return texts | st.from_regex(limits["pattern"], fullmatch=True) | st.from_regex(limits["pattern"])


def lengths(low: int, high: int) -> st.SearchStrategy[int]:
    edges = [n for n in (low - 1, low, low + 1, high, high + 1) if 0 <= n <= LONGEST]
    return st.sampled_from(edges) | st.integers(0, 20)


def in_base64(blob: bytes) -> str:
    return base64.b64encode(blob).decode()


@cache
def operations() -> list[str]:
    """The model's operations but those with patterns that Python's `re` does not have, and those without members."""
    names = [name for name in model().operation_names if model().operation_model(name).input_shape.members]
    return sorted(name for name in names if "\\p{" not in repr(input_of(name)))


def assert_same(operation: str, params: object) -> bool:
    """Compare, and return whether the request is accepted."""
    fields = fields_of(operation, params)
    assert (fields is not None) == accepts(operation, params), params
    if fields is not None:
        assert decode_structure(input_of(operation), json.loads(json.dumps(fields, default=in_base64))) == fields
    return fields is not None


SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_request_that_is_answered_here_is_accepted_exactly_if_botocore_and_the_model_do(operation: str) -> None:
    found = {True: 0, False: 0}

    @given(requests_of(operation))
    @settings(max_examples=300, deadline=None, suppress_health_check=SLOW)
    def compare(params: object) -> None:
        found[assert_same(operation, params)] += 1

    compare()
    assert min(found.values()) >= 20, found


@given(st.sampled_from(operations()).flatmap(lambda name: st.tuples(st.just(name), requests_of(name))))
@settings(max_examples=200, deadline=None, suppress_health_check=SLOW)
def test_a_request_of_any_operation_is_accepted_exactly_if_botocore_and_the_model_do(
    request: tuple[str, object],
) -> None:
    assert_same(*request)


@given(WRONG)
@settings(max_examples=30, deadline=None)
def test_a_value_that_is_no_request_is_accepted_by_neither(value: object) -> None:
    assert fields_of("CompareFaces", value) is None
    assert not isinstance(value, dict) or not accepts("CompareFaces", value)


@pytest.mark.parametrize(("size", "accepted"), [(0, False), (1, True), (5_242_880, True), (5_242_881, False)])
def test_the_limits_of_an_image_are_the_models(size: int, accepted: bool) -> None:
    assert assert_same("DetectFaces", {"Image": {"Bytes": in_base64(bytes(size))}}) == accepted
