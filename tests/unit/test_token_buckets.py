"""Requests per second of a key, with a clock that the tests control."""

from visavis.server.token_buckets import TokenBuckets


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_empties_at_once_and_fills_with_time() -> None:
    clock = Clock()
    buckets = TokenBuckets(2, clock=clock)
    assert [buckets.take("a") for _ in range(3)] == [True, True, False]
    clock.now = 0.5
    assert [buckets.take("a") for _ in range(2)] == [True, False]
    clock.now = 100
    assert [buckets.take("a") for _ in range(3)] == [True, True, False]


def test_a_rate_below_one_a_second_still_lets_one_through() -> None:
    clock = Clock()
    buckets = TokenBuckets(0.1, clock=clock)
    assert [buckets.take("a"), buckets.take("a")] == [True, False]
    clock.now = 10.001
    assert buckets.take("a")


def test_keys_do_not_take_from_each_other() -> None:  # case 79
    buckets = TokenBuckets(1, clock=Clock())
    assert [buckets.take("a"), buckets.take("a"), buckets.take("b")] == [True, False, True]


def test_refusals_do_not_put_off_the_next_token() -> None:
    clock = Clock()
    buckets = TokenBuckets(1, clock=clock)
    assert buckets.take("a")
    for tenth in range(1, 10):
        clock.now = tenth / 10
        assert not buckets.take("a")
    clock.now = 1.001
    assert buckets.take("a")


def test_only_the_keys_seen_last_are_remembered() -> None:
    buckets = TokenBuckets(1, keys=2, clock=Clock())
    assert [buckets.take(key) for key in "abab"] == [True, True, False, False]
    assert buckets.take("c")  # forgets a, which was seen least recently
    assert [buckets.take(key) for key in "bca"] == [False, False, True]
