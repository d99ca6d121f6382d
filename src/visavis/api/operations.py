"""The table of operations. The wire, the dispatcher, logs, metrics and policies derive from it.

A new operation needs a file beside this one and a line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from visavis.api.compare_faces import COMPARE_FACES
from visavis.api.detect_faces import DETECT_FACES
from visavis.api.operation import Operation
from visavis.api.shapes import SERVICE_NAME
from visavis.aws.service import Service

__all__ = ["OPERATIONS", "SERVICE"]

OPERATIONS: Mapping[str, Operation[Any, Any]] = {
    operation.name: operation
    for operation in (
        COMPARE_FACES,
        DETECT_FACES,
    )
}

SERVICE = Service(SERVICE_NAME, "Rekognition", "RekognitionService.", tuple(OPERATIONS))
