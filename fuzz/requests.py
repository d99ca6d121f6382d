"""The bytes of a body to the typed parameters of CompareFaces and DetectFaces, and back to the bytes of a response."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

from fuzz.reference import accepts
from visavis.analysis import Analysis
from visavis.api.dispatcher import Dispatcher
from visavis.api.images import S3ObjectRef
from visavis.api.operations import OPERATIONS
from visavis.aws.wire import CONTENT_TYPE
from visavis.compare_options import CompareOptions
from visavis.comparison import Comparison
from visavis.errors import NoFace, ObjectUnavailable
from visavis.gateway import Gateway, Request, Response

__all__ = ["CODES", "run"]

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
NAMES = tuple(OPERATIONS)

CODES = {"SerializationException", "ValidationException", "InvalidParameterException", "InvalidS3ObjectException"}
"""What a body can be refused with here. Each has status 400."""

MOST_RESPONSE = 200_000
"""Bytes of a response to a body of 4 kB. A value that breaks several constraints is repeated for each, escaped."""


class Recorder:
    """An engine that keeps what it is asked and finds no face."""

    def __init__(self) -> None:
        self.images: tuple[bytes, ...] | None = None
        self.threshold: float | None = None

    def compare(self, source: bytes, target: bytes, options: CompareOptions, /, **_: object) -> Comparison:
        self.images, self.threshold = (source, target), options.similarity_threshold
        raise NoFace("source: none", role="source")

    def analyze(self, image: bytes, /, **_: object) -> Analysis:
        self.images = (image,)
        raise NoFace("none")


class Store:
    """A store that has every object: its content is what names it."""

    def read(self, ref: S3ObjectRef, *, limit: int) -> bytes:
        if ref.name == "missing":
            raise ObjectUnavailable("missing")
        return content(ref.bucket, ref.name, ref.version)[:limit]


def content(bucket: str, name: str, version: str | None) -> bytes:
    return repr((bucket, name, version)).encode()


def run(data: bytes) -> None:
    """The first byte chooses the operation and the others are the body."""
    name, body = NAMES[data[0] % len(NAMES)] if data else NAMES[0], data[1:]
    engine = Recorder()
    headers = (("X-Amz-Target", f"RekognitionService.{name}"), ("Content-Type", CONTENT_TYPE))
    response = Gateway(Dispatcher(engine, Store())).handle(Request("POST", "/", "", headers, body), NOW)
    check_refusal(response)
    params = parsed(body)
    if params is None:
        assert response.outcome == "SerializationException", response.outcome
        assert engine.images is None
        return
    valid = isinstance(params, dict) and accepts(name, params)
    assert (response.outcome in ("SerializationException", "ValidationException")) == (not valid), response.outcome
    # A valid request may still be incomplete or have too many images, which the model cannot say.
    if engine.images is not None:
        assert valid
        check_images(name, params, engine)
        check_round_trip(name, params)


def check_refusal(response: Response) -> None:
    assert response.outcome in CODES, (response.outcome, response.reason)
    assert response.status == 400
    assert len(response.body) < MOST_RESPONSE
    answer = json.loads(response.body)
    assert answer["__type"] == response.outcome
    assert response.reason is not None
    assert response.reason.isprintable()


def parsed(body: bytes) -> Any:
    """The body as a strict reader of JSON takes it; None if it is none."""

    def refuse(token: str) -> NoReturn:
        raise ValueError(token)

    try:
        return json.loads(body.decode("utf-8"), parse_constant=refuse)
    except (ValueError, RecursionError):
        return None


def check_images(name: str, params: Mapping[str, Any], engine: Recorder) -> None:
    members = ["SourceImage", "TargetImage"] if name == "CompareFaces" else ["Image"]
    assert engine.images == tuple(image_of(params[member]) for member in members)
    if engine.threshold is not None:
        wanted = params.get("SimilarityThreshold")
        assert 0 <= engine.threshold <= 100
        assert wanted is None or engine.threshold == float(wanted)


def image_of(image: Mapping[str, Any]) -> bytes:
    if image.get("Bytes") is not None:
        return base64.b64decode(image["Bytes"])
    found = image["S3Object"]
    return content(found["Bucket"], found["Name"], found.get("Version"))


def check_round_trip(name: str, params: Mapping[str, Any]) -> None:
    """The typed parameters, written as JSON and read again, are the same."""
    fields = OPERATIONS[name].decode(params)
    written = json.dumps(fields, default=lambda blob: base64.b64encode(blob).decode())
    assert OPERATIONS[name].decode(json.loads(written)) == fields
