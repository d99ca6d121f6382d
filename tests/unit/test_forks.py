"""What a fork waits for, and what is renewed in the child."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import Counter

import pytest

from visavis import forks

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks"),
    # From 3.12 on Python warns of every fork beside other threads, which is what these tests are about.
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),
]


class Counted:
    """Counts how often it was renewed."""

    def __init__(self) -> None:
        self.renewed = 0
        forks.renew_in_children(self)

    def renew(self) -> None:
        self.renewed += 1


class Failing(Counted):
    def renew(self) -> None:
        super().renew()
        raise RuntimeError("cannot be renewed")


def status_of_child(number_of_child: int) -> int:
    _, status = os.waitpid(number_of_child, 0)
    return os.waitstatus_to_exitcode(status)


def test_what_is_registered_is_renewed_once_in_the_child_and_not_in_the_parent() -> None:
    thing = Counted()
    child = os.fork()
    if not child:
        os._exit(thing.renewed)
    assert status_of_child(child) == 1
    assert thing.renewed == 0


def test_what_is_gone_is_not_kept_for_its_renewal() -> None:
    thing = Counted()
    before = len(forks._renewables)
    del thing
    assert len(forks._renewables) == before - 1


def test_one_that_cannot_be_renewed_does_not_keep_others_from_it(capfd: pytest.CaptureFixture[str]) -> None:
    things = [Counted(), Failing(), Counted(), Failing(), Counted()]
    child = os.fork()
    if not child:
        os._exit(sum(thing.renewed for thing in things))
    assert status_of_child(child) == len(things)


def test_a_fork_waits_for_work_that_must_not_be_cut_in_two() -> None:
    begun, ended = threading.Event(), threading.Event()

    def work() -> None:
        with forks.forks_wait():
            begun.set()
            time.sleep(0.3)
            ended.set()

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait()
    child = os.fork()
    if not child:
        os._exit(7 if ended.is_set() else 1)
    thread.join()
    assert status_of_child(child) == 7


def test_a_thread_that_forks_inside_its_own_block_does_not_wait_for_itself() -> None:
    with forks.forks_wait():
        child = os.fork()
        if not child:
            os._exit(7)
    assert status_of_child(child) == 7
    assert not forks._busy


def test_a_thread_that_is_interrupted_on_its_way_into_a_block_leaves_nothing_that_forks_wait_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Interrupted(Counter[int]):
        def __setitem__(self, thread: int, blocks: int) -> None:
            super().__setitem__(thread, blocks)
            if blocks:
                raise KeyboardInterrupt

    monkeypatch.setattr(forks, "_busy", Interrupted())
    with pytest.raises(KeyboardInterrupt), forks.forks_wait():
        pass
    assert not forks._busy


def test_a_child_of_a_child_is_renewed_too() -> None:
    thing = Counted()
    child = os.fork()
    if not child:
        grandchild = os.fork()
        if not grandchild:
            os._exit(thing.renewed)
        os._exit(status_of_child(grandchild))
    assert status_of_child(child) == 2


def test_work_that_begins_while_a_fork_waits_begins_after_it() -> None:
    begun, order = threading.Event(), []

    def late() -> None:
        with forks.forks_wait():
            order.append("late")

    def early() -> None:
        with forks.forks_wait():
            begun.set()
            while not forks._forkers:
                time.sleep(0.01)
            other.start()
            time.sleep(0.2)
            with forks.forks_wait():  # part of what the fork waits for
                order.append("early")

    other, thread = threading.Thread(target=late), threading.Thread(target=early)
    thread.start()
    begun.wait()
    child = os.fork()
    if not child:
        os._exit(7 if order == ["early"] and not forks._forkers and not forks._busy else 1)
    thread.join()
    other.join()
    assert status_of_child(child) == 7
    assert order == ["early", "late"]
    assert not forks._forkers
    assert not forks._busy


def test_preparations_are_made_once_before_each_fork(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forks, "_preparations", [])
    made: list[int] = []

    def prepare() -> None:
        with forks.forks_wait():  # as the import of OpenVINO does
            made.append(len(made))

    forks.before_forks(prepare)
    forks.before_forks(prepare)
    child = os.fork()
    if not child:
        os._exit(7 + len(made))
    assert status_of_child(child) == 8
    assert made == [0]


def test_a_fork_does_not_hold_the_lock_of_logging_while_it_waits_for_work_that_logs() -> None:
    code = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
from visavis import forks
import logging, os, threading, time
begun = threading.Event()
def work():
    with forks.forks_wait():
        begun.set()
        time.sleep(0.3)
        logging.getLogger("new")
threading.Thread(target=work).start()
begun.wait()
if not os.fork():
    os._exit(0)
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=30, check=False).returncode == 0


def in_a_block() -> threading.Thread:
    """A thread that enters a block and leaves it."""

    def work() -> None:
        with forks.forks_wait():
            pass

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_work_in_the_child_waits_for_nobody_in_the_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    def another_waits_too() -> None:
        forks._forkers += 1

    monkeypatch.setattr(forks, "_preparations", [another_waits_too])
    child = os.fork()
    if not child:
        thread = in_a_block()
        thread.join(5)
        os._exit(1 if thread.is_alive() else 7)
    forks._forkers -= 1
    assert status_of_child(child) == 7


def test_work_that_waited_for_a_fork_goes_on_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forks, "_forkers", 1)
    thread = in_a_block()
    thread.join(0.2)
    assert thread.is_alive()
    monkeypatch.setattr(forks, "_forkers", 0)
    child = os.fork()
    if not child:
        os._exit(7)
    assert status_of_child(child) == 7
    thread.join(5)
    assert not thread.is_alive()
