"""The service model's constraints, read from the copy that botocore carries rather than typed again.

botocore is imported when a shape is first asked for, for it takes a while and `import visavis` must not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.model import Shape as BotocoreShape

__all__ = ["Shape", "input_of"]

SERVICE = "rekognition"

KINDS = ("structure", "blob", "string", "float")
"""What CompareFaces is made of. A member of another kind, in some later botocore, is ignored as an unknown one is."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape of a request.

    kind:             one of `KINDS`
    members:          of a structure, by name, in the model's order
    required:         names of the members that must be there
    minimum, maximum: of a number its value, of a string its characters, of a blob its bytes; both inclusive
    pattern:          a regular expression that the whole of a string matches
    enum:             the values a string may take; empty for any
    """

    kind: str
    members: Mapping[str, Shape] = field(default_factory=dict)
    required: frozenset[str] = frozenset()
    minimum: int | None = None
    maximum: int | None = None
    pattern: str | None = None
    enum: tuple[str, ...] = ()


@cache
def input_of(operation: str) -> Shape:
    """What a request of `operation` looks like."""
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    model = ServiceModel(Loader().load_service_model(SERVICE, "service-2"), SERVICE)
    return _translate(model.operation_model(operation).input_shape)


def _translate(shape: BotocoreShape) -> Shape:
    members = shape.members if shape.type_name == "structure" else {}
    constraints = shape.metadata
    return Shape(
        kind=shape.type_name,
        members={name: _translate(member) for name, member in members.items() if member.type_name in KINDS},
        required=frozenset(constraints.get("required", ())),
        minimum=constraints.get("min"),
        maximum=constraints.get("max"),
        pattern=constraints.get("pattern"),
        enum=tuple(constraints.get("enum", ())),
    )
