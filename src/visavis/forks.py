"""What a forked child of this process has to do before it can work.

A fork copies memory and the one thread that forks. Locks that another thread holds stay locked in the child, thread
pools there have no threads, and a network that was compiled in the parent waits for threads that do not exist. Objects
that own such things register themselves here and are renewed in every child, before any of its own code runs.
"""

from __future__ import annotations

# Before the hooks below are registered, because those registered last run first: logging's own takes the lock of
# logging, which work that a fork waits for may need in order to end.
import logging  # noqa: F401
import os
import threading
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Protocol

__all__ = ["Renewable", "before_forks", "forks_wait", "keep_for_ever", "renew_in_children"]


class Renewable(Protocol):
    """Owns locks, threads or networks that do not survive a fork."""

    def renew(self) -> None:
        """Make new ones. Called in the child, in its only thread; must not wait for anything."""


_renewables: weakref.WeakSet[Renewable] = weakref.WeakSet()
_preparations: list[Callable[[], None]] = []
_busy: Counter[int] = Counter()  # blocks of `forks_wait`, by thread
_forkers = 0  # threads that wait in order to fork
_changed = threading.Condition()


def renew_in_children(thing: Renewable) -> None:
    """Have `thing.renew()` called in every child that this process forks while `thing` exists."""
    _renewables.add(thing)


def before_forks(prepare: Callable[[], None]) -> None:
    """Have `prepare()` called in this process, and in its children, just before each fork."""
    if prepare not in _preparations:
        _preparations.append(prepare)


@contextmanager
def forks_wait() -> Iterator[None]:
    """Delay forks of other threads until the block ends.

    For work inside a C++ library that holds locks of its own: a child that was forked in the middle of it would find
    them locked for ever. A block inside another of the same thread is allowed; one that begins while a thread waits in
    order to fork begins after the fork, so that blocks that follow one another cannot keep a fork waiting for ever.
    """
    me = threading.get_ident()
    outer = _busy[me]
    try:
        with _changed:
            while _forkers and not outer:
                _changed.wait()
            _busy[me] = outer + 1
        yield
    finally:
        # Restored rather than counted down, because Ctrl-C may come before the count was raised.
        with _changed:
            _busy[me] = outer
            if not outer:
                del _busy[me]
            _changed.notify_all()


def keep_for_ever(thing: object) -> None:
    """Never destroy `thing`, not even when the interpreter ends.

    For what a child inherited and cannot take down: destroying a compiled network joins its threads, which the child
    does not have (docs/adr/0005).
    """
    import ctypes

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def _before() -> None:
    global _forkers
    _changed.acquire()
    _forkers += 1
    try:
        # A thread that forks inside its own block (in a signal handler) must not wait for itself.
        while _busy.keys() - {threading.get_ident()}:
            _changed.wait()
    finally:
        _forkers -= 1
    for prepare in _preparations:
        prepare()


def _in_parent() -> None:
    _changed.notify_all()
    _changed.release()


def _in_child() -> None:
    global _changed, _forkers
    _changed = threading.Condition()
    _forkers = 0  # other threads that were waiting do not exist here
    # On an exit stack, because one that fails must not keep the others from being renewed.
    with ExitStack() as renewals:
        for thing in list(_renewables):
            renewals.callback(thing.renew)


if hasattr(os, "register_at_fork"):  # Windows has no forks
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
