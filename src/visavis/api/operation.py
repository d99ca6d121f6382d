"""The type of an operation: one value from which the wire, the dispatcher, metrics and policies get what they need."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from visavis.analysis import Analysis
from visavis.api import constraints, decoding, shapes
from visavis.api.decoding import Fields
from visavis.api.images import RequestImage
from visavis.api.response import FieldSet, Json
from visavis.api.shapes import Shape
from visavis.compare_options import CompareOptions
from visavis.comparison import Comparison
from visavis.deadline import Deadline
from visavis.face import Detail

__all__ = ["Context", "FaceEngine", "Operation"]

RequestT = TypeVar("RequestT")
ResultT = TypeVar("ResultT")


class FaceEngine(Protocol):
    """The part of `visavis.Engine` that operations use."""

    def compare(
        self, source: bytes, target: bytes, options: CompareOptions, /, *, deadline: Deadline | None
    ) -> Comparison:
        """As `Engine.compare`."""
        ...

    def analyze(self, image: bytes, /, *, detail: Detail, deadline: Deadline | None) -> Analysis:
        """As `Engine.analyze`."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """What an operation may use to carry out one request.

    Attributes:
        engine: detects and compares faces.
        attributes: how much a response contains about a face in operations whose requests cannot choose.
        read: returns the bytes of an image. It raises `ObjectUnavailable` for an S3 object that is missing or that the
            caller may not read, and `ImageTooLarge`.
        deadline: when the work must end; None for never.
    """

    engine: FaceEngine
    attributes: FieldSet
    read: Callable[[RequestImage], bytes]
    deadline: Deadline | None = None


@dataclass(frozen=True, slots=True)
class Operation(Generic[RequestT, ResultT]):
    """One operation of the service.

    Attributes:
        name: the name in the service model, such as `CompareFaces`; botocore has the input's shape under it.
        parse: makes a request of typed fields that meet the model's constraints; may raise `InvalidRequest`.
        run: carries out a request; may raise any `VisavisError`.
        render: makes the members of the response of a result, in the model's order.
        face_lists: the members of the response that are lists of faces, for logs and metrics.
    """

    name: str
    parse: Callable[[Fields], RequestT]
    run: Callable[[RequestT, Context], ResultT]
    render: Callable[[ResultT, RequestT, Context], Json]
    face_lists: tuple[str, ...] = ()

    @property
    def action(self) -> str:
        """The IAM action that a caller's policy has to allow."""
        return f"{shapes.SERVICE_NAME}:{self.name}"

    @property
    def input_shape(self) -> Shape:
        """The shape of a request in the service model."""
        return shapes.input_of(self.name)

    def decode(self, params: Mapping[str, object]) -> Fields:
        """Convert JSON values to the model's types, as the first step of reading a request.

        Args:
            params: the values in the body or the arguments of boto3: `Bytes` is base64 in a str, or plain bytes.

        Raises:
            WireError: SerializationException, for the first value of a wrong type.
        """
        return decoding.decode_structure(self.input_shape, params)

    def accept(self, fields: Fields) -> RequestT:
        """Check the model's constraints and make the request, as the second step.

        There are two steps because the service authorizes the caller between them.

        Raises:
            WireError: ValidationException, which lists all broken constraints.
            InvalidRequest: the fields meet the constraints but contradict each other or are incomplete.
        """
        constraints.check(self.input_shape, fields)
        return self.parse(fields)

    def count_faces(self, response: Mapping[str, object]) -> int | None:
        """The number of faces in `response`; None for an operation without lists of faces."""
        lists = [response.get(name) for name in self.face_lists]
        return sum(len(faces) for faces in lists if isinstance(faces, list)) if lists else None
