"""The service model's shapes and constraints, read from the copy in botocore.

botocore is imported when a shape is first needed, because importing it is slow and `import visavis` must be fast.
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
"""The service's name in botocore, in the scope of signatures and before the colon of IAM actions."""


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape of a request.

    Attributes:
        kind: the model's name of the type: structure, list, map, blob, string, float, integer, long or boolean.
        members: the shapes of a structure's members by name, in the model's order.
        item: the shape of a list's items or of a map's values.
        key: the shape of a map's keys.
        required: the names of members that a structure must have.
        minimum: the least value of a number, characters of a string, bytes of a blob, or items of a list or map.
        maximum: the greatest value or number of the same; inclusive, as `minimum` is.
        pattern: a regular expression in Java's syntax that the whole string must match.
        enum: the values that a string may have; empty for any.

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
    """The shape of a request of `operation`, such as `CompareFaces`."""
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
