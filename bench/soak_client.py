"""The callers of `bench.soak`: one event loop, and kept connections, so that they leave the cores to the server."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bench.soak_kinds import CONTENT_TYPE, Answer, Kind, Manner, Verdict, judge

__all__ = ["HUNG_SECONDS", "Client", "Result"]

HUNG_SECONDS = 60.0
"""A request without an answer this long after its body was sent hangs. It may wait 20 s for a worker
(`--queue-seconds`); the rest is for its work on a machine that is busy otherwise."""

MOST = 256
"""Requests in progress at most, so that callers are bounded: the server's 32 waiting ones and those that are slow are
far fewer."""

KEPT_SECONDS = 60.0
"""How long a connection is kept for the next request; the server closes it after 75 s."""

PIECE, PAUSE = 12_000, 1.0
"""A slow body: bytes that are sent each second, half as many again as the server's least rate of 8,000."""

PATIENCE = 2.0
"""The seconds after which a caller that leaves while waiting has left."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one request.

    Attributes:
        kind: its kind.
        verdict: what became of it.
        due: when it was to be sent, by `time.perf_counter`.
        seconds: seconds from then to the end of the answer.
        answer: the answer, if it was wrong.
    """

    kind: Kind
    verdict: Verdict
    due: float
    seconds: float
    answer: Answer | None = None


@dataclass(slots=True)
class _Wire:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    used: float = field(default_factory=time.perf_counter)


class Client:
    """Callers that share connections and judge their answers.

    Attributes:
        endpoint: the address of the server.
        results: of all requests that ended.
        left_out: requests that were due while too many were in progress.
    """

    def __init__(self, endpoint: str, keys: Mapping[str, tuple[str, str]]) -> None:
        """Keep where the server is, and the id and secret of each key."""
        self.results: list[Result] = []
        self.left_out = 0
        self.endpoint = endpoint
        self._keys = {name: Credentials(*pair) for name, pair in keys.items()}
        self._kept: list[_Wire] = []
        self._open = 0
        self._chance = random.Random(6)

    async def drive(self, kinds: Iterator[Kind], gaps: Iterator[float], seconds: float) -> None:
        """Send requests for so long, whether or not those before are answered; `gaps` are the seconds between them."""
        due = time.perf_counter()
        end = due + seconds
        async with asyncio.TaskGroup() as group:
            while (due := due + next(gaps)) < end:
                await asyncio.sleep(due - time.perf_counter())
                if self._open < MOST:
                    group.create_task(self.ask(next(kinds), due))
                else:
                    self.left_out += 1

    async def saturate(self, kinds: Iterator[Kind], callers: int, seconds: float) -> float:
        """Requests a second of so many callers that each send a request as soon as the last is answered."""
        began, before = time.perf_counter(), len(self.results)

        async def caller() -> None:
            while time.perf_counter() - began < seconds:
                await self.ask(next(kinds), time.perf_counter())

        async with asyncio.TaskGroup() as group:
            for _ in range(callers):
                group.create_task(caller())
        return (len(self.results) - before) / (time.perf_counter() - began)

    async def ask(self, kind: Kind, due: float) -> Result:
        """Send one request, and add what became of it to the results."""
        self._open += 1
        answer, verdict = None, Verdict.LEFT
        try:
            async with asyncio.timeout(HUNG_SECONDS + _pause(kind) * len(kind.body) / PIECE):
                answer = await self._answer(kind)
            if answer is not None:
                verdict = judge(kind, answer)
        except TimeoutError:
            verdict = Verdict.HUNG
        except (OSError, EOFError):
            verdict = Verdict.LOST
        finally:
            self._open -= 1
        seen = answer if verdict is Verdict.WRONG else None
        result = Result(kind, verdict, due, time.perf_counter() - due, seen)
        self.results.append(result)
        return result

    def close(self) -> None:
        """Close the connections that are kept."""
        while self._kept:
            self._kept.pop().writer.close()

    async def _answer(self, kind: Kind) -> Answer | None:
        """The answer, or None if the caller leaves before it."""
        wire, keep = await self._connect(), False
        try:
            await _send(wire.writer, self._head(kind), kind)
            if kind.manner is Manner.LEAVES_SENDING:
                return None
            if kind.manner is Manner.LEAVES_WAITING:
                await asyncio.sleep(self._chance.uniform(0, PATIENCE))
                return None
            answer, keep = await _read(wire.reader)
            return answer
        finally:
            if keep:
                wire.used = time.perf_counter()
                self._kept.append(wire)
            else:
                wire.writer.close()

    async def _connect(self) -> _Wire:
        while self._kept:
            wire = self._kept.pop()
            if not wire.reader.at_eof() and time.perf_counter() - wire.used < KEPT_SECONDS:
                return wire
            wire.writer.close()
        where = urlsplit(self.endpoint)
        return _Wire(*await asyncio.open_connection(where.hostname, where.port))

    def _head(self, kind: Kind) -> bytes:
        """The head of a request, signed now by botocore over a digest of the body that was computed before."""
        headers = {
            "Host": urlsplit(self.endpoint).netloc,
            "Content-Type": CONTENT_TYPE,
            "X-Amz-Target": f"RekognitionService.{kind.operation}",
            "X-Amz-Content-SHA256": kind.digest,
        }
        request = AWSRequest("POST", self.endpoint + "/", headers=headers)
        SigV4Auth(self._keys[kind.key], "rekognition", "us-east-1").add_auth(request)
        lines = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        return f"POST / HTTP/1.1\r\n{lines}Content-Length: {len(kind.body)}\r\n\r\n".encode()


async def _send(writer: asyncio.StreamWriter, head: bytes, kind: Kind) -> None:
    """Send the part of a request that its manner wants sent."""
    size, pause = len(kind.body), _pause(kind)
    sent = {Manner.LEAVES_SENDING: size // 2, Manner.STALLS: min(PIECE, size - 1)}.get(kind.manner, size)
    step = PIECE if pause else size
    writer.write(head)
    for start in range(0, sent, step):
        writer.write(kind.body[start : min(start + step, sent)])
        with suppress(ConnectionError):  # the server may have answered and closed; its answer can be read
            await writer.drain()
        await asyncio.sleep(pause)


def _pause(kind: Kind) -> float:
    return PAUSE if kind.manner is Manner.SLOWLY else 0.0


async def _read(reader: asyncio.StreamReader) -> tuple[Answer, bool]:
    """The next answer, and whether the connection stays open.

    Raises:
        EOFError: the connection ended before.
    """
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    lines = head.split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines[1:] if line)
    body = await reader.readexactly(int(headers["content-length"]))
    return Answer(int(lines[0].split()[1]), body), headers.get("connection") != "close"
