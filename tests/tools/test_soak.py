"""The soak test judges answers to the byte, notices callers who wait in vain, and computes growth and percentiles."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from itertools import islice, repeat
from pathlib import Path

import psutil
import pytest
from bench import soak_client, soak_watch
from bench.soak import Soak, draw, faults, figures, show
from bench.soak_client import Client, Result
from bench.soak_kinds import GREEDY, MODEST, UNSTEADY, Answer, Kind, Manner, Verdict, difference, endless, judge
from bench.soak_watch import Sample, growth, settling, spreads, tally, watch

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


def test_a_wrong_answer_is_shown_from_where_it_differs() -> None:
    long = replace(GOOD, reference=b"x" * 500 + b"99.1}")
    shown = b"x" * 77 + b"99."  # the numbers differ in their last digit
    assert difference(long, Answer(200, b"x" * 500 + b"99.2}")) == f"200 {shown + b'2}'!r}, not 200 {shown + b'1}'!r}"
    assert difference(BAD, Answer(500, b"oh")) == "500 b'oh', not 400 b'SerializationException'"


def test_every_deck_has_each_kind_as_often_as_its_weight_says() -> None:
    drawn = [kind.name for kind in islice(endless([GOOD, BAD]), 40)]
    assert [Counter(drawn[start : start + 4]) for start in range(0, 40, 4)] == [{"good": 3, "bad": 1}] * 10
    assert len({tuple(drawn[start : start + 4]) for start in range(0, 40, 4)}) > 1


def test_growth_is_that_from_the_first_quarter_to_the_last() -> None:
    assert growth([100, 100, 1, 1, 1, 1, 110, 110]) == pytest.approx(10)
    assert growth([100, 90]) == pytest.approx(-10)
    assert growth([100, 100, 400, 100, *[100] * 8, 100, 900, 100, 100]) == 0  # single peaks do not count


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


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not count descriptors")
def test_a_server_is_watched_and_metrics_without_an_answer_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("INTERVAL", 0.05), ("METRICS_SECONDS", 5)):
        monkeypatch.setattr(soak_watch, name, value)
    metrics = b'visavis_requests_total{outcome="OK"} 7.0\nvisavis_queue_depth 3.0\n'
    asked = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.append(reader)
        if len(asked) > 1:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(metrics), metrics))

    async def use(client: Client) -> None:
        seen, unseen = await watch(psutil.Process(), client.endpoint, 0.3)
        assert unseen == 1
        assert len(seen) == len(asked) - 1
        assert (seen[0].depth, dict(seen[0].outcomes)) == (3, {"OK": 7})
        assert 0 < seen[0].at < seen[1].at < 0.3
        assert min(seen[0].mb, seen[0].descriptors, seen[0].threads) > 0

    with_server(serve, use)


def soak(*results: Result, errors: int = 0, unseen: int = 0, answered_after: bool = True) -> Soak:
    outcomes = {"OK": 5, "InternalServerError": 1}, {"OK": 6, "InternalServerError": 1 + errors}
    idle = Sample(0, 1, 1, 1, 0, outcomes[0]), Sample(0, 1, 1, 1, 0, outcomes[1])
    watched = [Sample(at, mb, 10, 5) for at, mb in ((0, 900), (1, 2), (2, 3))]
    return Soak(1, 2, 3, 1.0, list(results), 0, watched, unseen, idle, (0, 0, 0), answered_after)


def test_refusals_are_faults_only_for_the_modest_key() -> None:
    greedy, modest = (Result(replace(GOOD, key=key), Verdict.REFUSED, 2.0, 1.0) for key in (GREEDY, MODEST))
    left = Result(replace(GOOD, key=UNSTEADY), Verdict.LEFT, 2.0, 1.0)
    assert faults(soak(greedy, left)) == []
    assert faults(soak(greedy, modest)) == ["1 requests of the modest key refused"]


def test_wrong_hung_and_lost_answers_are_faults_before_the_load_too() -> None:
    found = [Result(GOOD, verdict, due, 1.0) for verdict, due in ((Verdict.WRONG, 0.5), (Verdict.HUNG, 2.0))]
    assert faults(soak(*found, Result(BAD, Verdict.LOST, 2.0, 1.0))) == ["1 wrong", "1 hung", "1 lost"]
    assert [one.verdict for one in soak(*found).loaded] == [Verdict.HUNG]
    assert faults(soak(errors=2)) == ["2 internal errors"]
    assert faults(soak(unseen=1)) == ["1 requests for metrics without an answer"]
    assert faults(soak(answered_after=False)) == ["no right answer after the load"]


def test_a_run_is_shown_saved_and_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = [Result(GOOD, Verdict.RIGHT, 2.0, 0.5), Result(replace(GOOD, key=MODEST), Verdict.REFUSED, 3.5, 0.1)]
    lost = Result(GOOD, Verdict.WRONG, 2.5, 0.5, Answer(500, b"what it was"))
    measured = soak(*results, lost)
    show(measured)
    shown = capsys.readouterr().out
    assert "wrong: good of greedy: 500 b'what it was', not 200 b'{" in shown
    assert "after the first 1 s memory changes by +50.0 %, from 2 to 3 MB" in shown
    saved = json.loads(json.dumps(figures(measured)))
    assert saved["by_key"]["modest"]["refused"] == 1
    assert saved["faults"] == ["1 wrong", "1 requests of the modest key refused"]
    draw(measured, tmp_path / "soak.png")
    assert (tmp_path / "soak.png").read_bytes().startswith(b"\x89PNG")


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{"FaceDetails":[]}'


def with_server(serve: Serve, use: Callable[[Client], Awaitable[None]]) -> list[Result]:
    """What became of the requests that `use` sends to a server whose connections `serve` handles."""

    connections: list[asyncio.Task[None]] = []

    async def serve_and_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.append(task)
        with suppress(EOFError, ConnectionError):
            await serve(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def both() -> list[Result]:
        server = await asyncio.start_server(serve_and_close, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()
        keys = {key: (f"AKID{key.upper()}", "secret") for key in (GREEDY, MODEST, UNSTEADY)}
        client = Client(f"http://{host}:{port}", keys)
        await use(client)
        client.close()
        await asyncio.gather(*connections)
        server.close()
        return client.results

    return asyncio.run(both())


async def read_request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    return await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0]))


async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while await read_request(reader):
        writer.write(ANSWER)


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    await reader.read()


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

    assert [one.verdict for one in with_server(serve, asking(GOOD))] == [Verdict.LOST]


def test_a_request_that_gets_no_answer_in_time_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak_client, "HUNG_SECONDS", 0.1)

    assert [one.verdict for one in with_server(silent, asking(GOOD))] == [Verdict.HUNG]


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
    for name, value in (("PIECE", 6), ("PAUSE", 0.05), ("PATIENCE", 0.1)):
        monkeypatch.setattr(soak_client, name, value)
    if verdict is Verdict.HUNG:
        monkeypatch.setattr(soak_client, "HUNG_SECONDS", 0.1)
    arrived = bytearray()
    pieces = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        while part := await reader.read(100):
            arrived.extend(part)
            pieces.append(part)
            if len(arrived) == 20 and manner is not Manner.LEAVES_WAITING:
                writer.write(ANSWER)

    assert [one.verdict for one in with_server(serve, asking(replace(GOOD, manner=manner)))] == [verdict]
    assert len(arrived) == arrives
    assert (len(pieces) > 1) == (manner is Manner.SLOWLY)


def test_an_open_loop_sends_at_its_rate_although_nothing_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soak_client, "HUNG_SECONDS", 0.5)
    monkeypatch.setattr(soak_client, "MOST", 8)
    clients = []

    async def use(client: Client) -> None:
        clients.append(client)
        await client.drive(endless([GOOD]), repeat(0.01), 0.125)
        await client.drive(endless([BAD]), repeat(0.01), 0.015)  # those before have ended

    results = with_server(silent, use)
    assert [one.verdict for one in results] == [Verdict.HUNG] * 9
    assert clients[0].left_out == 4
    results.pop()
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
