"""The page's files over HTTP: headers, caching, and who gets the page rather than the error of an SDK's mistake."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator

import pytest

from tests.contract.serving import BODY, HEADERS, Running, ask, make_gateway, process, running, signed
from visavis.server.app import ServerConfig
from visavis.server.page import HEADERS as STRICT
from visavis.similarity_scale import SIMILARITY_SCALE

PREFIX = "/faces"


@pytest.fixture(scope="module")
def paged() -> Iterator[Running]:
    with running(ServerConfig(page=True, prefix=PREFIX)) as it:
        yield it


def config_of(text: str) -> dict[str, object]:
    found = re.search(r'name="visavis" content="([^"]*)"', text)
    assert found
    return dict(json.loads(html.unescape(found[1])))


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/", "text/html; charset=utf-8"),
        ("/page/main.js", "text/javascript; charset=utf-8"),
        ("/page/page.css", "text/css; charset=utf-8"),
        ("/page/icon.svg", "image/svg+xml"),
        ("/page/group.jpg", "image/jpeg"),
    ],
)
def test_each_file_has_its_type_and_the_strict_headers(paged: Running, path: str, media_type: str) -> None:
    reply = ask(paged.port, "GET", PREFIX + path)
    assert (reply.status, reply.headers["content-type"]) == (200, media_type)
    assert {name: reply.headers[name] for name in STRICT} == STRICT
    assert len(reply.body) == int(reply.headers["content-length"])


def test_the_policy_allows_only_this_origin_and_no_inline_code() -> None:
    policy = STRICT["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert not {"unsafe", "http:", "https:", "data:", "*"} & set(re.split(r"[\s;'-]+", policy))


def test_a_file_is_sent_once_to_a_browser_that_has_it(paged: Running) -> None:
    first = ask(paged.port, "GET", f"{PREFIX}/page/main.js")
    again = ask(paged.port, "GET", f"{PREFIX}/page/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert ask(paged.port, "GET", f"{PREFIX}/page/main.js", headers={"If-None-Match": '"other"'}).status == 200


def test_head_has_the_headers_without_the_body(paged: Running) -> None:
    reply = ask(paged.port, "HEAD", f"{PREFIX}/")
    assert (reply.status, reply.body) == (200, b"")
    assert int(reply.headers["content-length"]) > 1000


def test_the_page_knows_the_server_that_it_comes_from(paged: Running) -> None:
    config = config_of(ask(paged.port, "GET", f"{PREFIX}/").body.decode())
    assert (config["verifies"], config["region"]) == (True, "us-east-1")
    assert config["scale"] == [list(point) for point in SIMILARITY_SCALE[:-1]]
    with running(ServerConfig(page=True), gateway=make_gateway(keys=False)) as plain:
        assert config_of(ask(plain.port, "GET", "/").body.decode())["verifies"] is False


@pytest.mark.parametrize(
    "path", ["/page/", "/page/none.js", "/page/index.html", "/page/..%2f__init__.py", "/page/../x"]
)
def test_there_are_no_other_files(paged: Running, path: str) -> None:
    assert ask(paged.port, "GET", PREFIX + path).status == 404


def test_the_prefix_leads_to_its_folder_and_the_root_has_no_page(paged: Running) -> None:
    reply = ask(paged.port, "GET", PREFIX)
    assert (reply.status, reply.headers["location"]) == (308, f"{PREFIX}/")
    assert ask(paged.port, "GET", "/").status == 404


def test_an_aws_client_that_asks_the_wrong_service_is_told_so(paged: Running) -> None:
    listing = ask(paged.port, "GET", f"{PREFIX}/?list-type=2")
    assert (listing.status, listing.headers["content-type"]) == (501, "application/xml")
    by_get = ask(paged.port, "GET", f"{PREFIX}/", headers=HEADERS)
    assert (by_get.status, by_get.json["__type"]) == (404, "UnknownOperationException")


def test_operations_are_answered_beside_the_page(paged: Running) -> None:
    url = f"{paged.url}{PREFIX}/"
    assert ask(paged.port, "POST", f"{PREFIX}/", BODY, signed(url)).status == 200


def test_the_page_counts_as_no_request(paged: Running) -> None:
    before = ask(paged.port, "GET", "/metrics").body
    ask(paged.port, "GET", f"{PREFIX}/")
    assert ask(paged.port, "GET", "/metrics").body == before


def test_a_page_under_a_name_that_is_not_allowed_is_refused() -> None:
    with running(ServerConfig(page=True), gateway=make_gateway(keys=False)) as plain:
        assert ask(plain.port, "GET", "/", headers={"Host": "evil.example"}).status == 403


def test_serve_has_the_page_unless_it_is_told_not_to() -> None:
    with process("--cli") as (_, url):
        assert ask(int(url.rpartition(":")[2]), "GET", "/").status == 200
    with process("--cli", "--no-page") as (_, url):
        reply = ask(int(url.rpartition(":")[2]), "GET", "/")
        assert (reply.status, reply.headers["content-type"]) == (404, "text/plain; charset=utf-8")
