"""The values of the option for origins, and when every origin may be allowed."""

from collections.abc import Mapping

import pytest

from visavis.aws.policy import Caller
from visavis.errors import SettingsError
from visavis.gateway import Gateway
from visavis.server.app import ServerConfig, build_app
from visavis.server.hosts import origin_of


class Nothing:
    def dispatch(self, operation: str, params: Mapping[str, object], caller: Caller, *_: object) -> dict[str, object]:
        return {}


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://app.example.com", "https://app.example.com"),
        ("HTTPS://App.Example.com", "https://app.example.com"),
        ("https://app.example.com:443", "https://app.example.com"),
        ("http://app.example.com:80", "http://app.example.com"),
        ("http://app.example.com:443", "http://app.example.com:443"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://192.168.1.7:8080", "http://192.168.1.7:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("chrome-extension://abcdefghij", "chrome-extension://abcdefghij"),
        ("*", "*"),
    ],
)
def test_an_origin_is_compared_as_browsers_write_it(text: str, origin: str) -> None:
    assert origin_of(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "app.example.com",
        "https://",
        "https://app.example.com/",
        "https://app.example.com/path",
        "https://app.example.com?a=b",
        "https://user@app.example.com",
        "https://*.example.com",
        "https://app.example.com:0",
        "https://app.example.com:65536",
        "https://app.example.com:",
        "https://a.example, https://b.example",
        "https://bücher.example",
        "https://app.example.com\n",
    ],
)
def test_what_is_no_origin_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match=r"must be SCHEME://HOST"):
        ServerConfig(cors_origins=(text,))


def test_every_origin_is_let_in_only_where_signatures_are_verified() -> None:
    config = ServerConfig(cors_origins=("https://a.example", "*"))
    with pytest.raises(SettingsError, match=r"--cors-origin \* .*--credentials FILE"):
        build_app(Gateway(Nothing()), config)
    build_app(Gateway(Nothing(), principal_for=lambda _: None), config)
