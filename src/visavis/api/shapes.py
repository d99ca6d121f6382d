"""The service model's shapes and constraints, read from the copy that botocore carries rather than written again.

botocore is imported when a shape is first needed, because that takes a while and `import visavis` must not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.model import Shape as BotocoreShape

__all__ = ["SERVICE_NAME", "Shape", "input_of"]

SERVICE_NAME = "rekognition"
"""The service's name: of its model, in signatures and before the colon of its IAM actions."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape of a request.

    kind:             structure, list, map, blob, string, float, integer, long or boolean, as the model names it
    members:          of a structure, by name, in the model's order
    item:             of a list, the shape of its items; of a map, that of its values
    key:              of a map, the shape of its keys
    required:         names of the members that must be there
    minimum, maximum: of a number its value, of a string its characters, of a blob its bytes, of a list or map its
                      items; both inclusive
    pattern:          a regular expression, as Java writes it, that the whole of a string matches
    enum:             the values a string may take; empty for any

    Example:
        >>> input_of("DetectFaces").members["Attributes"].item.kind
        'string'
    """

    kind: str
    members: Mapping[str, Shape] = field(default_factory=dict)
    item: Shape | None = None
    key: Shape | None = None
    required: frozenset[str] = frozenset()
    minimum: int | None = None
    maximum: int | None = None
    pattern: str | None = None
    enum: tuple[str, ...] = ()


@cache
def input_of(operation: str) -> Shape:
    """The shape of a request of `operation`."""
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    model = ServiceModel(Loader().load_service_model(SERVICE_NAME, "service-2"), SERVICE_NAME)
    return _translate(model.operation_model(operation).input_shape)


def _translate(shape: BotocoreShape) -> Shape:
    kind, constraints = shape.type_name, shape.metadata
    members = shape.members if kind == "structure" else {}
    item = {"list": "member", "map": "value"}.get(kind)
    return Shape(
        kind=kind,
        members={name: _translate(member) for name, member in members.items()},
        item=_translate(getattr(shape, item)) if item else None,
        key=_translate(shape.key) if kind == "map" else None,
        required=frozenset(constraints.get("required", ())),
        minimum=constraints.get("min"),
        maximum=constraints.get("max"),
        pattern=constraints.get("pattern"),
        enum=tuple(constraints.get("enum", ())),
    )
