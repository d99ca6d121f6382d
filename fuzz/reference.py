"""Whether a request is valid, by botocore's own validator and the limits in its model, without any code of visavis.

botocore checks names, types and least values of what a caller passes in Python. The service checks further limits of
the model, and reads JSON, which has no bytes and where null means absent.
"""

from __future__ import annotations

import base64
import math
import re
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

__all__ = ["accepts", "model"]

WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}

Wrong = object()


@cache
def model() -> ServiceModel:
    """The service's model."""
    return ServiceModel(Loader().load_service_model("rekognition", "service-2"), "rekognition")


def accepts(operation: str, params: Any) -> bool:
    """Whether `params`, the JSON value of a body, is a valid request."""
    shape = model().operation_model(operation).input_shape
    value = in_python(shape, params)
    # The validator checks types, so that what follows may rely on them.
    return not ParamValidator().validate(value, shape).has_errors() and within_limits(shape, value)


def in_python(shape: Any, value: Any) -> Any:
    """A JSON value as a caller of botocore would pass it; `Wrong` where JSON has no such value."""
    match shape.type_name, value:
        case "structure", dict():
            present = {name: item for name, item in value.items() if item is not None and name in shape.members}
            return {name: in_python(shape.members[name], item) for name, item in present.items()}
        case "list", list():
            return [in_python(shape.member, item) for item in value]
        case "map", dict():
            return {in_python(shape.key, key): in_python(shape.value, item) for key, item in value.items()}
        case "blob", str():
            return blob_of(value)
        case "blob", _:
            return Wrong
        case (("float" | "double"), str()):
            return WORDS.get(value, Wrong)
        case (("integer" | "long"), float()) if value.is_integer():
            return int(value)
        # Python's True is an int, and botocore accepts it as a number.
        case (("float" | "double" | "integer" | "long"), bool()):
            return Wrong
        case "string", str() if any(0xD800 <= ord(character) <= 0xDFFF for character in value):
            return Wrong
    return value


def blob_of(text: str) -> Any:
    try:
        blob = base64.b64decode(text, validate=True)
    except ValueError:
        return Wrong
    return blob if base64.b64encode(blob).decode() == text else Wrong


def within_limits(shape: Any, value: Any) -> bool:
    limits, kind = shape.metadata, shape.type_name
    if kind == "structure":
        return all(within_limits(shape.members[name], item) for name, item in value.items())
    if kind == "list" and not all(within_limits(shape.member, item) for item in value):
        return False
    if kind == "map" and not all(
        within_limits(shape.key, k) and within_limits(shape.value, v) for k, v in value.items()
    ):
        return False
    amount = value if kind in ("float", "double", "integer", "long", "boolean") else len(value)
    within = limits.get("min", -math.inf) <= amount <= limits.get("max", math.inf) or not {"min", "max"} & set(limits)
    fits = "pattern" not in limits or re.fullmatch(limits["pattern"], value) is not None
    return within and fits and ("enum" not in limits or value in limits["enum"])
