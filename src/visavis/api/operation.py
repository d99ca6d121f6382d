"""What an operation is: one value with everything that the doors need to know of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from visavis.analysis import Analysis
from visavis.api import constraints, decoding, shapes
from visavis.api.decoding import Fields
from visavis.api.images import ImageInput
from visavis.api.response import Attributes, Json
from visavis.api.shapes import Shape
from visavis.compare_options import CompareOptions
from visavis.comparison import Comparison
from visavis.face import Detail

__all__ = ["Context", "FaceEngine", "Operation"]

RequestT = TypeVar("RequestT")
ResultT = TypeVar("ResultT")


class FaceEngine(Protocol):
    """What operations run on; `visavis.Engine` is one."""

    def compare(self, source: bytes, target: bytes, options: CompareOptions, /) -> Comparison:
        """As `Engine.compare`."""
        ...

    def analyze(self, image: bytes, /, *, detail: Detail) -> Analysis:
        """As `Engine.analyze`."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """What an operation may use to carry out one request.

    engine:     finds and compares faces
    attributes: how much responses say of a face where the request cannot ask for it
    read:       an image to its bytes; raises `ObjectUnavailable` for an S3 object that is missing or that the caller
                may not read, and `ImageTooLarge`
    """

    engine: FaceEngine
    attributes: Attributes
    read: Callable[[ImageInput], bytes]


@dataclass(frozen=True, slots=True)
class Operation(Generic[RequestT, ResultT]):
    """One operation of the service.

    name:       as the service model names it, such as `CompareFaces`; botocore's shape of that name is the input
    parse:      typed fields that keep the model's constraints to a request; may raise `InvalidRequest`
    run:        carries a request out; may raise any `VisavisError`
    render:     a result to the response's members, in the model's order
    face_lists: the members of a response that are lists of faces, for logs and metrics
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
        """What the service model says of a request."""
        return shapes.input_of(self.name)

    def decode(self, params: Mapping[str, object]) -> Fields:
        """The first step of reading a request: JSON values to the model's types.

        Args:
            params: as in the body, or as boto3 takes them: `Bytes` is base64 in a str, or plain bytes.

        Raises:
            WireError: SerializationException, for the first value of a wrong type.
        """
        return decoding.decode_structure(self.input_shape, params)

    def accept(self, fields: Fields) -> RequestT:
        """The second step: the model's constraints, then what the model cannot say.

        The steps are two because authorization comes between them.

        Raises:
            WireError: ValidationException, for all broken constraints at once.
            InvalidRequest: the fields keep the constraints and still make no sense.
        """
        constraints.check(self.input_shape, fields)
        return self.parse(fields)

    def count_faces(self, response: Mapping[str, object]) -> int | None:
        """How many faces `response` lists; None for an operation that lists none."""
        lists = [response.get(name) for name in self.face_lists]
        return sum(len(faces) for faces in lists if isinstance(faces, list)) if lists else None
