"""The soak test judges answers to the byte, notices callers who wait in vain, and computes growth and percentiles."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import replace
from itertools import islice, repeat

import pytest
from bench import soak_client
from bench.soak import Soak, faults
from bench.soak_client import Client, Result
from bench.soak_kinds import GREEDY, MODEST, UNSTEADY, Answer, Kind, Manner, Verdict, endless, judge
from bench.soak_watch import Sample, growth, settling, spreads, tally

GOOD = Kind("good", 3, "DetectFaces", b"{}" * 10, reference=b'{"FaceDetails":[]}')
BAD = Kind("bad", 1, "DetectFaces", b"{", 400, "SerializationException")
STRANGE = replace(BAD, name="strange", code="UnrecognizedClientException", queued=False)
THROTTLED = b'{"__type":"ThrottlingException","Message":"Slow down"}'


@pytest.mark.parametrize(
    ("kind", "status", "body", "verdict"),
    [
        (GOOD, 200, b'{"FaceDetails":[]}', Verdict.RIGHT),
        (GOOD, 200, b'{"FaceDetails":[] }', Verdict.WRONG),
        (GOOD, 500, b'{"FaceDetails":[]}', Verdict.WRONG),
        (GOOD, 400, THROTTLED, Verdict.REFUSED),
        (GOOD, 200, THROTTLED, Verdict.WRONG),
        (GOOD, 500, b"<html>", Verdict.WRONG),
        (BAD, 400, b'{"__type":"SerializationException"}', Verdict.RIGHT),
        (BAD, 500, b'{"__type":"SerializationException"}', Verdict.WRONG),
        (BAD, 400, b'{"__type":"InternalServerError"}', Verdict.WRONG),
        (BAD, 400, b'["__type"]', Verdict.WRONG),
        (BAD, 400, THROTTLED, Verdict.REFUSED),
        (STRANGE, 400, THROTTLED, Verdict.WRONG),
    ],
)
def test_an_answer_is_right_to_the_byte_and_an_error_by_its_code(
    kind: Kind, status: int, body: bytes, verdict: Verdict
) -> None:
    assert judge(kind, Answer(status, body)) is verdict


def test_every_deck_has_each_kind_as_often_as_its_weight_says() -> None:
    drawn = [kind.name for kind in islice(endless([GOOD, BAD]), 40)]
    assert [Counter(drawn[start : start + 4]) for start in range(0, 40, 4)] == [{"good": 3, "bad": 1}] * 10
    assert len({tuple(drawn[start : start + 4]) for start in range(0, 40, 4)}) > 1


def samples(*megabytes: float) -> list[Sample]:
    return [Sample(float(at), mb, 10, 5) for at, mb in enumerate(megabytes)]


def test_memory_grows_from_the_first_to_the_last_quarter_of_the_time_that_counts() -> None:
    assert growth(samples(1, 1, 100, 100, 100, 100, 100, 110, 110, 110), after=2) == pytest.approx(10)
    assert growth(samples(200, 100, 90), after=1) == pytest.approx(-10)
    noisy = samples(*([100] * 4 + [400] + [100] * 14 + [900]))  # single peaks do not count
    assert growth(noisy, after=0) == 0


def test_memory_counts_after_two_minutes_or_a_quarter_of_a_short_run() -> None:
    assert (settling(1200), settling(480), settling(60)) == (120, 120, 15)


def test_the_spread_is_that_of_each_half() -> None:
    assert spreads([10, 17, 12, 11, 15]) == (7, 4)


def test_percentiles_are_those_of_right_answers() -> None:
    answered = [Result(GOOD, Verdict.RIGHT, 0.0, seconds / 1000) for seconds in range(1, 101)]
    others = [Result(GOOD, Verdict.REFUSED, 0.0, 9.0), Result(BAD, Verdict.LOST, 0.0, 9.0)]
    tallies = tally([*answered, *others], lambda one: one.kind.name)
    assert tallies["good"].row() == pytest.approx([100, 1, 0, 0, 0, 0, 51, 96, 100, 100])
    assert tallies["good"].as_json()["p95"] == pytest.approx(96)
    assert tallies["bad"].row() == pytest.approx([0, 0, 0, 0, 0, 1, *[float("nan")] * 4], nan_ok=True)


def soak(*results: Result, errors: int = 0, answered_after: bool = True) -> Soak:
    idle = Sample(0, 1, 1, 1, 0, {"OK": 5}), Sample(0, 1, 1, 1, 0, {"OK": 6, "InternalServerError": errors})
    return Soak(1, 2, 3, 1.0, list(results), 0, [], idle, (0, 0), answered_after)


def test_refusals_are_faults_only_for_the_modest_key() -> None:
    greedy, modest = (Result(replace(GOOD, key=key), Verdict.REFUSED, 2.0, 1.0) for key in (GREEDY, MODEST))
    left = Result(replace(GOOD, key=UNSTEADY), Verdict.LEFT, 2.0, 1.0)
    assert faults(soak(greedy, left)) == []
    assert faults(soak(greedy, modest)) == ["1 requests of the modest key refused"]


def test_wrong_hung_and_lost_answers_are_faults_before_the_load_too() -> None:
    found = [Result(GOOD, verdict, due, 1.0) for verdict, due in ((Verdict.WRONG, 0.5), (Verdict.HUNG, 2.0))]
    assert faults(soak(*found, Result(BAD, Verdict.LOST, 2.0, 1.0))) == ["1 wrong", "1 hung", "1 lost"]
    assert [one.verdict for one in soak(*found).loaded] == [Verdict.HUNG]
    assert faults(soak(errors=2, answered_after=False)) == ["2 internal errors", "no right answer after the load"]


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{"FaceDetails":[]}'


def with_server(serve: Serve, use: Callable[[Client], Awaitable[None]]) -> list[Result]:
    """What became of the requests that `use` sends to a server whose connections `serve` handles."""

    async def both() -> list[Result]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        keys = {key: (f"AKID{key.upper()}", "secret") for key in (GREEDY, MODEST, UNSTEADY)}
        client = Client(f"http://{host}:{port}", keys)
        await use(client)
        client.close()
        server.close()
        return client.results

    return asyncio.run(both())


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    return await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0]))


async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while await read_request(reader):
            writer.write(ANSWER)
    except EOFError:
        writer.close()


def asking(*kinds: Kind) -> Callable[[Client], Awaitable[None]]:
    async def use(client: Client) -> None:
        for kind in kinds:
            await client.ask(kind, time.perf_counter())

    return use


def test_requests_share_a_connection_that_stays_open() -> None:
    connections = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await answering(reader, writer)

    results = with_server(serve, asking(GOOD, GOOD, replace(GOOD, reference=b"{}")))
    assert [one.verdict for one in results] == [Verdict.RIGHT, Verdict.RIGHT, Verdict.WRONG]
    assert [one.answer for one in results] == [None, None, Answer(200, b'{"FaceDetails":[]}')]
    assert len(connections) == 1


def test_a_connection_that_ends_without_an_answer_has_lost_it() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(ANSWER[:-1])
        writer.close()

    assert [one.verdict for one in with_server(serve, asking(GOOD))] == [Verdict.LOST]


def test_a_request_that_gets_no_answer_in_time_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak_client, "HUNG_SECONDS", 0.1)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    assert [one.verdict for one in with_server(serve, asking(GOOD))] == [Verdict.HUNG]


@pytest.mark.parametrize(
    ("manner", "arrives", "verdict"),
    [
        (Manner.WHOLE, 20, Verdict.RIGHT),
        (Manner.SLOWLY, 20, Verdict.RIGHT),
        (Manner.STALLS, 6, Verdict.HUNG),
        (Manner.LEAVES_SENDING, 10, Verdict.LEFT),
        (Manner.LEAVES_WAITING, 20, Verdict.LEFT),
    ],
)
def test_each_manner_sends_its_part_of_a_body(
    manner: Manner, arrives: int, verdict: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("PIECE", 6), ("PAUSE", 0.05), ("PATIENCE", 0.1), ("HUNG_SECONDS", 0.3)):
        monkeypatch.setattr(soak_client, name, value)
    arrived = bytearray()
    pieces = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        while part := await reader.read(100):
            arrived.extend(part)
            pieces.append(part)
            if len(arrived) == 20 and manner is not Manner.LEAVES_WAITING:
                writer.write(ANSWER)
        writer.close()

    async def use(client: Client) -> None:
        await client.ask(replace(GOOD, manner=manner), time.perf_counter())
        client.close()
        await asyncio.sleep(0.05)

    assert [one.verdict for one in with_server(serve, use)] == [verdict]
    assert len(arrived) == arrives
    assert (len(pieces) > 1) == (manner is Manner.SLOWLY)


def test_an_open_loop_sends_at_its_rate_although_nothing_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak_client, "HUNG_SECONDS", 0.5)
    monkeypatch.setattr(soak_client, "MOST", 8)
    clients = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def use(client: Client) -> None:
        clients.append(client)
        await client.drive(endless([GOOD]), repeat(0.01), 0.125)

    results = with_server(serve, use)
    assert [one.verdict for one in results] == [Verdict.HUNG] * 8
    assert clients[0].left_out == 4
    assert max(one.due for one in results) - min(one.due for one in results) == pytest.approx(0.07)


def test_a_closed_loop_counts_the_requests_of_all_its_callers() -> None:
    rates = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await asyncio.sleep(0.1)
        writer.write(ANSWER)
        await answering(reader, writer)

    async def use(client: Client) -> None:
        rates.append(await client.saturate(endless([GOOD]), 3, 0.05))

    assert len(with_server(serve, use)) == 3
    assert 0 < rates[0] <= 30
