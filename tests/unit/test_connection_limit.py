"""Which connections are closed for others."""

from typing import Any

from visavis.server import connection_limit
from visavis.server.config import ServerConfig
from visavis.server.connection_limit import Connections, descriptors_left


class FakeConnection:
    def __init__(self, rank: tuple[int, float] | None) -> None:
        self.rank = rank
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


def closed(ranks: list[tuple[int, float] | None]) -> list[int]:
    """The positions of those that are closed."""
    every: Any = Connections(ServerConfig())
    fakes = [FakeConnection(rank) for rank in ranks]
    for fake in fakes:
        every.add(fake)
    assert every.close_some() == any(fake.aborted for fake in fakes)
    return [position for position, fake in enumerate(fakes) if fake.aborted]


def test_refused_ones_go_first_then_idle_ones_then_those_that_do_not_read_then_those_that_send() -> None:
    ranks: list[tuple[int, float] | None] = [(3, 1), (2, 2), None, (1, 3), (0, 4)]
    assert closed(ranks) == [4]
    assert closed(ranks[:4]) == [3]
    assert closed(ranks[:3]) == [1]
    assert closed([(3, 1), None]) == [0]
    assert closed([None, None]) == closed([]) == []


def test_a_tenth_of_one_kind_is_closed_those_first_that_have_been_so_longest() -> None:
    assert closed([(1, 30 - number) for number in range(30)]) == [26, 27, 28, 29]
    assert closed([(0, 1), *[(1, number) for number in range(29)]]) == [0]


def test_room_depends_on_the_limit_and_on_the_descriptors(monkeypatch: Any) -> None:
    assert descriptors_left() > 0
    monkeypatch.setattr(connection_limit, "descriptors_left", lambda: 34)
    every: Any = Connections(ServerConfig())
    for _ in range(2):
        assert every.make_room()
        every.add(FakeConnection(None))
    assert not every.make_room()
    every.add(FakeConnection((1, 0)))
    every.remove(next(iter(every._open - {c for c in every._open if c.rank})))
    assert every.make_room()
    assert len(every._open) == 1
