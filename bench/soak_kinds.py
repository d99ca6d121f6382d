"""The requests of `bench.soak`: images, bodies, how they are sent, and the answers that are right."""

from __future__ import annotations

import json
import random
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum
from functools import cached_property
from hashlib import sha256
from typing import Any

from bench.images import crowd, enlarged, group, photo
from visavis.api.dispatcher import Dispatcher
from visavis.api.objects import NoStore
from visavis.api.response import FieldSet
from visavis.gateway import Gateway, Request
from visavis.runtime import open_engine
from visavis.server.config import MAX_BODY

__all__ = [
    "CONTENT_TYPE", "FAULTS", "GREEDY", "MODEST", "STRANGER", "UNSTEADY", "WRONG", "Answer", "Kind", "Manner",
    "Verdict", "code_of", "difference", "endless", "judge", "kinds", "with_references",
]  # fmt: skip

CONTENT_TYPE = "application/x-amz-json-1.1"
THROTTLED = "ThrottlingException"

SHOWN = 160
"""Characters of a wrong answer that are shown."""

GREEDY, MODEST, UNSTEADY, WRONG, STRANGER = "greedy", "modest", "unsteady", "wrong signature", "unknown key"
"""Who signs. The last two are not in the server's file: the greedy key's id with another secret, and another id."""


class Manner(Enum):
    """How a caller sends a request. All but the first are of the unsteady key."""

    WHOLE = "whole"
    SLOWLY = "slowly"
    STALLS = "stalls"
    LEAVES_SENDING = "leaves while sending"
    LEAVES_WAITING = "leaves while waiting"


class Verdict(Enum):
    """What became of a request."""

    RIGHT = "right"
    REFUSED = "refused"
    LEFT = "left"
    WRONG = "wrong"
    HUNG = "hung"
    LOST = "lost"


FAULTS = (Verdict.WRONG, Verdict.HUNG, Verdict.LOST)
"""A documented server has none of these: a wrong answer, none in time, and a connection that ends without one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body of a response."""

    status: int
    body: bytes


@dataclass(frozen=True)
class Kind:
    """One kind of request.

    Attributes:
        name: what is shown.
        weight: how often a deck of requests contains it.
        operation: CompareFaces or DetectFaces.
        body: the bytes to send.
        status: the status of the right answer.
        code: the code of the documented error; None for a response.
        reference: the bytes of the right response; None for an error.
        manner: how it is sent.
        key: who signs it.
        queued: whether it may wait for a worker, and so be refused.
    """

    name: str
    weight: int
    operation: str
    body: bytes = field(repr=False)
    status: int = 200
    code: str | None = None
    reference: bytes | None = field(default=None, repr=False)
    manner: Manner = Manner.WHOLE
    key: str = GREEDY
    queued: bool = True

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the body, which a signature covers."""
        return sha256(self.body).hexdigest()


def judge(kind: Kind, answer: Answer) -> Verdict:
    """Whether `answer` is the one that `kind` must get: to the byte, or the documented error."""
    code = code_of(answer)
    if kind.queued and (answer.status, code) == (400, THROTTLED):
        return Verdict.REFUSED
    same = answer.body == kind.reference if kind.code is None else code == kind.code
    return Verdict.RIGHT if same and answer.status == kind.status else Verdict.WRONG


def difference(kind: Kind, answer: Answer) -> str:
    """Where a wrong answer begins to differ from the right one, for a person to read."""
    right = kind.reference or (kind.code or "").encode()
    unequal = (i for i, (one, other) in enumerate(zip(answer.body, right, strict=False)) if one != other)
    same = next(unequal, min(len(answer.body), len(right)))
    part = slice(max(0, same - SHOWN // 2), same + SHOWN // 2)
    return f"{answer.status} {answer.body[part]!r}, not {kind.status} {right[part]!r}"


def code_of(answer: Answer) -> str | None:
    """The code of an error; None for another answer."""
    try:
        members = json.loads(answer.body)
    except ValueError:
        return None
    return members.get("__type") if isinstance(members, dict) else None


def endless(kinds: Sequence[Kind]) -> Iterator[Kind]:
    """Kinds without end, in shuffled decks, each of which has every kind as often as its weight says."""
    deck = [kind for kind in kinds for _ in range(kind.weight)]
    chance = random.Random(5)
    while True:
        chance.shuffle(deck)
        yield from deck


def with_references(kinds: Sequence[Kind]) -> list[Kind]:
    """`kinds` with the responses of an engine in this process, which is closed again."""
    with open_engine() as engine:
        gateway = Gateway(Dispatcher(engine, NoStore(), FieldSet.ALL))
        return [replace(kind, reference=_answer(gateway, kind)) if kind.code is None else kind for kind in kinds]


def _answer(gateway: Gateway, kind: Kind) -> bytes:
    headers = (("content-type", CONTENT_TYPE), ("x-amz-target", f"RekognitionService.{kind.operation}"))
    response = gateway.handle(Request("POST", "/", "", headers, kind.body), datetime.now(UTC))
    assert response.status == 200, (kind.name, response.reason)
    return response.body


def kinds() -> list[Kind]:
    """All kinds, without references. The weights make most requests small portraits, and few of them costly."""
    return [*_answered(), *_failing(), *_unsteady()]


def _answered() -> list[Kind]:
    one, same, other = photo("ardern_2018"), photo("ardern_2022"), photo("obama")
    middle, large = enlarged("ardern_2018", 2), enlarged("ardern_2018", 12)
    return [
        _detect("portrait", 18, one),
        _detect("portrait, ALL", 8, other, Attributes=["ALL"]),
        _detect("no face", 3, group(0)),
        _detect("2 Mpx", 4, middle),
        _detect("12 Mpx", 2, large),
        _detect("5 faces", 5, group(5)),
        _detect("crowd of 40", 1, crowd(40)),
        _compare("same person", 18, one, same),
        _compare("two people", 10, one, other, SimilarityThreshold=0),
        _compare("5 faces", 4, one, group(5)),
        _compare("2 Mpx", 4, middle, enlarged("ardern_2022", 2)),
        _compare("12 Mpx", 2, large, enlarged("ardern_2022", 12)),
    ]


def _failing() -> list[Kind]:
    portrait = _detect("portrait", 1, photo("ardern_2018")).body
    pair = (photo("ardern_2018"), photo("obama"))
    fault: dict[str, Any] = {"status": 400, "code": "InvalidImageFormatException"}
    return [
        replace(_detect("not an image", 3, b"GIF89a" + bytes(100)), **fault),
        replace(_compare("cut image", 2, pair[0], pair[1][:50_000]), **fault),
        replace(_compare("no face", 3, group(0), pair[1]), status=400, code="InvalidParameterException"),
        Kind("bad JSON", 3, "DetectFaces", portrait[:-1], 400, "SerializationException"),
        Kind(WRONG, 3, "DetectFaces", portrait, 400, "InvalidSignatureException", key=WRONG, queued=False),
        Kind(STRANGER, 2, "DetectFaces", portrait, 400, "UnrecognizedClientException", key=STRANGER, queued=False),
        Kind("too large", 1, "DetectFaces", bytes(MAX_BODY + 1), 413, "RequestEntityTooLargeException", queued=False),
    ]


def _unsteady() -> list[Kind]:
    """Requests of the unsteady key. A body that stalls is one of which less than the least rate arrives."""
    detect, compare = _detect("", 1, photo("obama")), _compare("", 1, photo("ardern_2018"), photo("ardern_2022"))
    return [
        replace(detect, name="slow body", key=UNSTEADY, manner=Manner.SLOWLY),
        replace(
            detect, name="stalled body", key=UNSTEADY, manner=Manner.STALLS,
            status=408, code="RequestTimeoutException", queued=False,
        ),
        replace(compare, name="leaves while sending", weight=2, key=UNSTEADY, manner=Manner.LEAVES_SENDING),
        replace(compare, name="leaves while waiting", weight=3, key=UNSTEADY, manner=Manner.LEAVES_WAITING),
    ]  # fmt: skip


def _detect(name: str, weight: int, image: bytes, **options: Any) -> Kind:
    return Kind(f"detect {name}", weight, "DetectFaces", _json({"Image": _bytes(image), **options}))


def _compare(name: str, weight: int, source: bytes, target: bytes, **options: Any) -> Kind:
    members = {"SourceImage": _bytes(source), "TargetImage": _bytes(target), **options}
    return Kind(f"compare {name}", weight, "CompareFaces", _json(members))


def _bytes(image: bytes) -> dict[str, str]:
    return {"Bytes": b64encode(image).decode()}


def _json(members: dict[str, Any]) -> bytes:
    return json.dumps(members).encode()
