"""Each kind of the service model: its typed values, and what breaks its constraints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from visavis.api.constraints import check, violations
from visavis.api.decoding import decode_structure
from visavis.api.shapes import Shape
from visavis.aws.wire import WireError

STRING, INTEGER = Shape("string"), Shape("integer")


def decode(shape: Shape, value: object) -> Any:
    return decode_structure(Shape("structure", {"It": shape}), {"It": value})["It"]


def refusal_of(shape: Shape, value: object) -> WireError:
    with pytest.raises(WireError) as caught:
        decode(shape, value)
    assert caught.value.code == "SerializationException"
    return caught.value


def broken(shape: Shape, value: object, required: tuple[str, ...] = ()) -> Iterator[str]:
    whole = Shape("structure", {"It": shape}, required=frozenset(required))
    fields = {} if value is None else decode_structure(whole, {"It": value})
    return (str(violation).replace(" failed to satisfy constraint:", "") for violation in violations(whole, fields))


@pytest.mark.parametrize(
    ("shape", "given", "value"),
    [
        (INTEGER, 7, 7),
        (INTEGER, 7.0, 7),
        (Shape("long"), -(2**40), -(2**40)),
        (Shape("boolean"), True, True),
        (Shape("boolean"), False, False),
        (Shape("float"), 7, 7.0),
        (Shape("list", item=STRING), ["a", "b"], ["a", "b"]),
        (Shape("list", item=STRING), [], []),
        (Shape("list", item=STRING), ("a",), ["a"]),
        (Shape("list", item=Shape("structure", {"A": INTEGER})), [{"A": 1, "B": 2}, {}], [{"A": 1}, {}]),
        (Shape("list", item=Shape("list", item=Shape("blob"))), [["YQ=="]], [[b"a"]]),
        (Shape("map", key=STRING, item=INTEGER), {"a": 1, "b": 2}, {"a": 1, "b": 2}),
    ],
)
def test_a_value_is_decoded_to_the_type_of_its_kind(shape: Shape, given: object, value: object) -> None:
    decoded = decode(shape, given)
    assert (decoded, type(decoded)) == (value, type(value))


@pytest.mark.parametrize(
    ("shape", "given", "text"),
    [
        (INTEGER, "7", "STRING_VALUE can not be converted to an Integer"),
        (INTEGER, 7.5, "NUMBER_VALUE can not be converted to an Integer"),
        (INTEGER, 1e999, "NUMBER_VALUE can not be converted to an Integer"),
        (INTEGER, True, "TRUE_VALUE can not be converted to an Integer"),
        (INTEGER, [7], "Start of list found where not expected"),
        (Shape("long"), "7", "STRING_VALUE can not be converted to a Long"),
        (Shape("boolean"), 1, "NUMBER_VALUE can not be converted to a Boolean"),
        (Shape("boolean"), "true", "STRING_VALUE can not be converted to a Boolean"),
        (Shape("list", item=STRING), "a", "Expected list or null"),
        (Shape("list", item=STRING), False, "Expected list or null"),
        (Shape("list", item=STRING), {"a": "b"}, "Start of structure or map found where not expected."),
        (Shape("list", item=STRING), [1], "NUMBER_VALUE can not be converted to a String"),
        (Shape("list", item=STRING), ["a", None], None),
        (Shape("map", key=STRING, item=STRING), "a", "Expected map or null"),
        (Shape("map", key=STRING, item=STRING), ["a"], "Start of list found where not expected"),
        (Shape("map", key=STRING, item=STRING), {"a": 1}, "NUMBER_VALUE can not be converted to a String"),
        (Shape("map", key=STRING, item=STRING), {"a": None}, None),
        (Shape("structure"), ["a"], "Start of list found where not expected"),
    ],
)
def test_a_value_of_another_type_is_refused(shape: Shape, given: object, text: str | None) -> None:
    assert refusal_of(shape, given).message == text


def test_the_log_says_that_a_list_or_map_contains_null() -> None:
    for kind, value in (("list", [None]), ("map", {"a": None})):
        assert refusal_of(Shape(kind, item=STRING, key=STRING), value).reason == f"a {kind} contains null"


def test_a_kind_that_is_not_known_is_an_error_and_never_skipped() -> None:
    with pytest.raises(KeyError, match="timestamp"):
        decode(Shape("timestamp"), 5)


@pytest.mark.parametrize(
    ("shape", "given", "found"),
    [
        (Shape("integer", minimum=1, maximum=9), 10, "'10' at 'it' Member must have value less than or equal to 9"),
        (Shape("integer", minimum=1), 0, "'0' at 'it' Member must have value greater than or equal to 1"),
        (Shape("long", maximum=120), 2**40, "'1099511627776' at 'it' Member must have value less than or equal to 120"),
        (
            Shape("list", item=STRING, maximum=1),
            ["a", "b"],
            "'[a, b]' at 'it' Member must have length less than or equal to 1",
        ),
        (
            Shape("list", item=Shape("string", maximum=3, minimum=1, pattern="[a-z]*")),
            ["a", "A"],
            (
                "'[a, A]' at 'it' Member must satisfy constraint: "
                "[Member must satisfy regular expression pattern: [a-z]*, "
                "Member must have length less than or equal to 3, Member must have length greater than or equal to 1]"
            ),
        ),
        (
            Shape("list", item=Shape("structure", {"UserId": Shape("string", minimum=2)})),
            [{"UserId": "ab"}, {"UserId": "a"}],
            "'a' at 'it.2.member.userId' Member must have length greater than or equal to 2",
        ),
        (
            Shape("list", item=Shape("list", item=Shape("integer"), minimum=1)),
            [[]],
            "'[]' at 'it.1.member' Member must have length greater than or equal to 1",
        ),
        (
            Shape("map", key=Shape("string", minimum=1), item=STRING),
            {"": "b"},
            "'{=b}' at 'it' Map keys must satisfy constraint: [Member must have length greater than or equal to 1]",
        ),
        (
            Shape("map", key=STRING, item=Shape("string", maximum=1)),
            {"a": "bc"},
            "'{a=bc}' at 'it' Map value must satisfy constraint: [Member must have length less than or equal to 1]",
        ),
        (
            Shape("map", key=STRING, item=STRING, maximum=1),
            {"a": "b", "c": "d"},
            "'{a=b, c=d}' at 'it' Member must have length less than or equal to 1",
        ),
    ],
)  # fmt: skip
def test_a_broken_constraint_is_named_with_its_path(shape: Shape, given: object, found: str) -> None:
    assert list(broken(shape, given)) == [f"Value {found}"]


def test_values_that_keep_every_constraint_pass() -> None:
    short = Shape("string", minimum=1, maximum=3)
    whole = Shape(
        "structure",
        {
            "A": Shape("list", item=short, minimum=1, maximum=2),
            "B": Shape("map", key=short, item=short, maximum=1),
            "C": Shape("boolean"),
            "D": Shape("integer", minimum=0, maximum=0),
        },
    )
    check(whole, decode_structure(whole, {"A": ["a", "abc"], "B": {"a": "b"}, "C": False, "D": 0}))


@pytest.mark.slow  # the categories of all characters
def test_a_pattern_may_name_categories_of_characters_as_java_does() -> None:
    name = Shape("string", pattern=r"^(?!aws:)[\p{L}\p{Z}\p{N}_.:/=+\-@]*$")
    for text in ("Größe 1", "имя", "a@b"):
        assert not list(broken(name, text))
    for text in ("a*b", "aws:a", "a\n"):
        assert len(list(broken(name, text))) == 1


def test_a_long_list_is_not_sent_back_whole() -> None:
    (told,) = broken(Shape("list", item=STRING, maximum=1), ["x" * 1000] * 5000)
    assert len(told) < 2200
