"""Renews locks, threads and networks in forked children.

A fork copies the memory and only the thread that forks. In the child, locks that another thread held stay locked,
thread pools have no threads, and a network that the parent compiled waits for threads that do not exist. Objects that
own locks, threads or networks register here. They are renewed in every child before any other code runs there.
"""

from __future__ import annotations

# Imported before the hooks below are registered. Hooks run in reverse order, and logging's hook takes the lock of
# logging. Taken first, that lock could block the work that a fork waits for.
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
    """An object with locks, threads or networks that do not survive a fork."""

    def renew(self) -> None:
        """Replace them. This is called in the child, in its only thread, and must not block."""


_renewables: weakref.WeakSet[Renewable] = weakref.WeakSet()
_preparations: list[Callable[[], None]] = []
_busy: Counter[int] = Counter()  # blocks of `forks_wait`, by thread
_forkers = 0  # threads that wait in order to fork
_changed = threading.Condition()


def renew_in_children(thing: Renewable) -> None:
    """Call `thing.renew()` in every child that this process forks while `thing` exists."""
    _renewables.add(thing)


def before_forks(prepare: Callable[[], None]) -> None:
    """Call `prepare()` immediately before each fork of this process and of its children."""
    if prepare not in _preparations:
        _preparations.append(prepare)


@contextmanager
def forks_wait() -> Iterator[None]:
    """Delay forks of other threads until the block ends.

    Use it around calls of a C++ library that takes locks, because these locks stay locked in a child that is forked
    meanwhile. Blocks may be nested in one thread. A block that starts while another thread waits to fork starts after
    the fork, so that a series of blocks cannot delay a fork for ever.
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
        # Restored rather than decremented, because Ctrl-C may arrive before the count is incremented.
        with _changed:
            _busy[me] = outer
            if not outer:
                del _busy[me]
            _changed.notify_all()


def keep_for_ever(thing: object) -> None:
    """Never destroy `thing`, not even when the interpreter ends.

    A forked child needs this for compiled networks, because destroying a network joins its threads, which do not exist
    in the child (docs/adr/0005).
    """
    import ctypes

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))


def _before() -> None:
    global _forkers
    _changed.acquire()
    _forkers += 1
    try:
        # A thread may fork inside its own block, in a signal handler, and must not wait for itself.
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
    # An exit stack renews all of them even if one fails.
    with ExitStack() as renewals:
        for thing in list(_renewables):
            renewals.callback(thing.renew)


if hasattr(os, "register_at_fork"):  # Windows has no forks
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
