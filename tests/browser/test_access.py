"""The page of a server with credentials and a prefix: it asks for a key, signs in the browser, and keeps nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from tools.browser import Visit

from tests.browser.test_page import ARDERN, ARDERN_LATER, Open
from tests.contract.serving import Running

pytestmark = pytest.mark.slow


def give_key(visit: Visit, key_id: str, secret: str, token: str = "", region: str | None = None) -> None:
    dialog = visit.page.get_by_role("dialog", name="Access key")
    expect(dialog).to_be_visible()
    dialog.get_by_label("Access key id").fill(key_id)
    dialog.get_by_label("Secret access key").fill(secret)
    dialog.get_by_label("Session token").fill(token)
    if region is not None:
        dialog.get_by_label("Region").fill(region)
    dialog.get_by_role("button", name="Use this key").click()


@pytest.fixture
def asked(keyed_server: Running, visit: Open) -> Callable[..., Visit]:
    """Opens the page and chooses two photos, after which the page asks for a key."""

    def opening() -> Visit:
        opened = visit(keyed_server, "/faces/")
        opened.choose("source", ARDERN)
        opened.choose("target", ARDERN_LATER)
        expect(opened.page.get_by_role("dialog", name="Access key")).to_be_visible()
        assert opened.posts == []
        return opened

    return opening


def test_the_right_key_gets_an_answer_and_stays_in_memory(asked: Callable[[], Visit]) -> None:
    opened = asked()
    sent: list[str] = []
    opened.page.on("request", lambda request: sent.append(f"{request.all_headers()}{request.post_data}"))
    give_key(opened, "AKIDONE", "secret-one")
    opened.answered()
    assert opened.status == "1 match, 0 without a match."
    assert opened.compared() == 1
    assert any("AWS4-HMAC-SHA256 Credential=AKIDONE/" in text for text in sent)
    assert not any("secret-one" in text for text in sent)
    opened.page.get_by_role("button", name="Remove ardern_2018.jpg").click()
    opened.choose("source", ARDERN)  # and is not asked for again
    opened.answered()
    opened.page.reload()
    assert opened.page.locator("#key-secret").input_value() == ""


def test_a_key_with_a_session_token_signs_it(asked: Callable[[], Visit]) -> None:
    opened = asked()
    give_key(opened, "ASIATEMP", "secret-temp", "token-temp")
    opened.answered()


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (("AKIDONE", "wrong"), "the server did not accept the signature"),
        (("AKIDNOBODY", "secret-one"), "The server does not know this access key id"),
        (("ASIATEMP", "secret-temp", "wrong"), "The server does not know this access key id, or the session token"),
        (("AKIDONE", "secret-one", "", "eu-west-1"), "Check the access key id, the secret and the region"),
        (("AKIDDENIED", "secret-denied"), "its policy does not allow rekognition:CompareFaces"),
    ],
)
def test_a_key_that_does_not_do_is_explained_and_another_one_taken(
    asked: Callable[[], Visit], key: tuple[str, ...], words: str
) -> None:
    opened = asked()
    give_key(opened, *key)
    expect(opened.page.locator("#key-trouble")).to_contain_text(words, timeout=60_000)
    give_key(opened, "AKIDONE", "secret-one", region="us-east-1")
    opened.answered()


def test_a_key_that_may_only_compare_gets_its_answer(asked: Callable[[], Visit]) -> None:
    opened = asked()
    give_key(opened, "AKIDONLYCOMPARE", "secret-only-compare")
    opened.answered()
    opened.page.locator("#source .face").hover()
    assert "The server sent no more about this face." in opened.page.locator("#details").inner_text()


def test_a_wrong_clock_of_the_browser_is_corrected_as_sdks_do(asked: Callable[[], Visit]) -> None:
    opened = asked()
    opened.page.evaluate("{ const now = Date.now; Date.now = () => now() + 3_600_000; }")
    give_key(opened, "AKIDONE", "secret-one")
    opened.answered()
    assert [status for target, status in opened.posts if target == "CompareFaces"] == [400, 200]


def test_a_dismissed_dialog_can_be_opened_again(asked: Callable[[], Visit]) -> None:
    opened = asked()
    opened.page.keyboard.press("Escape")
    opened.page.get_by_role("button", name="Access key…").click()
    give_key(opened, "AKIDONE", "secret-one")
    opened.answered()


def test_the_prefix_without_its_slash_leads_to_the_page(keyed_server: Running, visit: Open) -> None:
    opened = visit(keyed_server, "/faces")
    assert opened.page.url == f"{keyed_server.url}/faces/"
    assert opened.page.get_by_role("heading", name="visavis").is_visible()
