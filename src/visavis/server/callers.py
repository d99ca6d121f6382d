"""Notices callers that hang up, so that nobody works for them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

from starlette.types import Receive

from visavis.aws.wire import WireError
from visavis.deadline import Deadline

__all__ = ["while_connected"]

Result = TypeVar("Result")


def caller_gone() -> WireError:
    """The error for a caller that hung up while it waited. Nobody but the log sees it."""
    return WireError(400, "ClientGone", "the client disconnected before the response", "framework")


async def while_connected(receive: Receive, work: Coroutine[object, object, Result], deadline: Deadline) -> Result:
    """The result of `work`, which is cancelled if the caller hangs up first.

    Cancelling ends a wait at once. A thread cannot be cancelled, so it checks `deadline` between its steps.

    Args:
        receive: ASGI's function; the body has been read from it.
        work: what the caller waits for.
        deadline: of the work; it is cancelled when the caller hangs up.

    Raises:
        WireError: the caller hung up.
    """
    working, watching = asyncio.create_task(work), asyncio.create_task(_disconnected(receive))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise caller_gone()
    finally:
        if not working.done():
            deadline.cancel()
        working.cancel()
        watching.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
