"""What the server and the clients derive from the table of operations."""

from __future__ import annotations

import pytest

from visavis.api.operation import Operation
from visavis.api.operations import OPERATIONS, SERVICE


def made_up(*face_lists: str) -> Operation[dict[str, object], None]:
    return Operation("DetectLabels", dict, lambda request, context: None, lambda *_: {}, face_lists)


def test_the_table_is_by_name_and_names_what_the_service_answers() -> None:
    assert {name: operation.name for name, operation in OPERATIONS.items()} == {name: name for name in OPERATIONS}
    assert SERVICE.operations == tuple(OPERATIONS)
    assert {"CompareFaces", "DetectFaces"} <= set(OPERATIONS)


def test_the_action_of_an_operation_has_the_name_of_its_service() -> None:
    assert made_up().action == "rekognition:DetectLabels"


def test_a_request_is_read_by_the_shape_of_the_operations_name() -> None:
    assert made_up().decode({"Image": {}, "MaxLabels": 5, "Attributes": ["ALL"]}) == {"Image": {}, "MaxLabels": 5}


@pytest.mark.parametrize(
    ("lists", "response", "count"),
    [
        ((), {"Labels": [1, 2]}, None),
        (("A",), {"A": [1, 2], "Labels": [1]}, 2),
        (("A", "B"), {"A": [1, 2], "B": [3]}, 3),
        (("A", "B"), {"A": []}, 0),
    ],
)
def test_the_faces_of_a_response_are_counted_in_the_lists_of_its_operation(
    lists: tuple[str, ...], response: dict[str, object], count: int | None
) -> None:
    assert made_up(*lists).count_faces(response) == count
