"""The browser, and servers with the real engine that have the page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser
from tools.browser import REQUIRED, Visit, browser_program, browsing, is_required

from tests.contract.serving import KEYS, REGION, Running, running
from visavis.api.dispatcher import Dispatcher
from visavis.api.objects import NoStore
from visavis.engine import Engine
from visavis.gateway import Gateway
from visavis.server.config import ServerConfig
from visavis.server.credentials import parse_keys

ALLOWED = """
[[keys]]
access_key_id = "AKIDONLYCOMPARE"
secret_access_key = "secret-only-compare"
policy = [{ Effect = "Allow", Action = "rekognition:CompareFaces", Resource = "*" }]
"""


# Not for the session: Playwright keeps an event loop running in this thread, and the servers write into the log.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if browser_program() is None:
        if is_required():
            pytest.fail(f"{REQUIRED} is set, but there is no browser: apt-get install chromium")
        pytest.skip("there is no browser; apt-get install chromium brings one")
    with browsing() as browser:
        yield browser


@contextmanager
def serving_page(engine: Engine, *, keys: bool = False, prefix: str = "") -> Iterator[Running]:
    known = parse_keys(KEYS + ALLOWED, "keys") if keys else None
    dispatcher = Dispatcher(engine, NoStore())
    gateway = Gateway(dispatcher, principal_for=known.get if known else None, region=REGION)
    with running(ServerConfig(page=True, prefix=prefix), gateway=gateway) as server:
        yield server


@pytest.fixture(scope="module")
def open_server(engine: Engine) -> Iterator[Running]:
    with serving_page(engine) as server:
        yield server


@pytest.fixture(scope="module")
def keyed_server(engine: Engine) -> Iterator[Running]:
    """A server with credentials, under a prefix."""
    with serving_page(engine, keys=True, prefix="/faces") as server:
        yield server


@pytest.fixture
def visit(browser: Browser) -> Iterator[Callable[..., Visit]]:
    """Opens pages. At the end of the test none may have complained, asked another origin or kept anything."""
    visits: list[tuple[Visit, str]] = []

    def opening(server: Running, path: str = "/", **context: Any) -> Visit:
        visits.append((Visit(browser, server.url + path, **context), server.url))
        return visits[-1][0]

    yield opening
    for visit, origin in visits:
        kept = visit.page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]")
        databases = visit.page.evaluate("indexedDB.databases().then((found) => found.length)")
        cookies = visit.context.cookies()
        visit.context.close()
        assert visit.complaints == []
        assert [a for a in visit.addresses if not a.startswith((f"{origin}/", "blob:"))] == []
        assert (kept, databases, cookies) == ([0, 0, ""], 0, [])
