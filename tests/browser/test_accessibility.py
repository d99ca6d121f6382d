"""axe-core finds nothing against any state of the page, in either scheme and on a phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect
from tools.browser import AXE, REQUIRED, Visit, is_required

from tests.browser.test_page import ARDERN, ARDERN_LATER, GROUP, Open, file
from tests.contract.serving import Running

pytestmark = pytest.mark.slow

SCREENS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 900}},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
}


def empty(visit: Visit) -> None:
    expect(visit.page.locator("#version")).not_to_be_empty()


def group(visit: Visit) -> None:
    visit.choose("source", ARDERN, ARDERN_LATER)
    visit.choose("target", GROUP)
    visit.answered()
    visit.page.get_by_label("A person reviews similarities").check()
    visit.page.get_by_label("Landmarks").check()
    visit.page.locator("#review-low").fill("0.6")
    visit.page.locator("#review-high").fill("50")
    visit.says("to review")


def response(visit: Visit) -> None:
    group(visit)
    visit.page.get_by_role("tab", name="Response").click()


def error(visit: Visit) -> None:
    visit.choose("source", file("notes.txt", b"Dear all"))
    expect(visit.page.locator("#source .notice")).to_be_visible()


def key(visit: Visit) -> None:
    visit.page.get_by_role("button", name="Access key…").click()
    visit.page.get_by_label("Access key id").fill("AKIDNOBODY")
    visit.page.get_by_label("Secret access key").fill("wrong")
    visit.page.get_by_role("button", name="Use this key").click()
    visit.choose("source", ARDERN)
    visit.choose("target", ARDERN_LATER)
    expect(visit.page.locator("#key-trouble")).to_be_visible()


def camera(visit: Visit) -> None:
    visit.page.get_by_role("button", name="photograph a source").click()
    expect(visit.page.get_by_role("button", name="Take the photo")).to_be_enabled(timeout=20_000)


@pytest.fixture(scope="session")
def axe() -> str:
    if not AXE.exists():
        if is_required():
            pytest.fail(f"{REQUIRED} is set, but axe-core is missing: npm install --no-save axe-core")
        pytest.skip("axe-core is missing; npm install --no-save axe-core brings it")
    return AXE.read_text("utf-8")


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("state", [empty, group, response, error, key, camera])
def test_axe_finds_nothing(
    open_server: Running, keyed_server: Running, visit: Open, axe: str, state: Callable[[Visit], None], screen: str
) -> None:
    opened = visit(*((keyed_server, "/faces/") if state is key else (open_server,)), **SCREENS[screen])
    state(opened)
    opened.page.evaluate(axe)
    found = opened.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    seen = [(v["id"], v["impact"], [node["html"] for node in v["nodes"]]) for v in found["violations"]]
    assert seen == []
