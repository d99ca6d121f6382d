"""The Host headers that a server without credentials accepts, and the values of the option."""

import pytest

from visavis.aws.wire import WireError
from visavis.parsing import BadValue
from visavis.server.hosts import Hosts, host_of


def allows(header: str | None, bound: str = "127.0.0.1", *named: str) -> bool:
    try:
        Hosts(bound, named).check(header)
    except WireError:
        return False
    return True


@pytest.mark.parametrize("bound", ["127.0.0.1", "localhost", "::1", "0.0.0.0", "::", "faces.example"])
@pytest.mark.parametrize(
    "header",
    [
        "localhost",
        "LocalHost:8080",
        "localhost.",
        "127.0.0.1",
        "127.0.0.1:8080",
        "127.8.9.10:1",
        "[::1]",
        "[::1]:8080",
        "[0:0:0:0:0:0:0:1]:8080",
        "[::ffff:127.0.0.1]:8080",
        "",
        None,
    ],
)
def test_loopback_is_always_allowed(bound: str, header: str | None) -> None:
    assert allows(header, bound)


@pytest.mark.parametrize("bound", ["127.0.0.1", "localhost", "::1", "0.0.0.0", "::", "faces.example"])
@pytest.mark.parametrize(
    "header",
    [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1.evil.example:8080",
        "localhost@evil.example",
        "127.0.0.1:80@evil.example",
        "evil.example/localhost",
        "localhost evil.example",
        "localhost, evil.example",
        "[::1].evil.example",
        "[evil.example]",
        "xlocalhost",
        "visavis:8080",
        "::1",
    ],
)
def test_a_name_that_nobody_named_is_refused(bound: str, header: str) -> None:
    assert not allows(header, bound)


@pytest.mark.parametrize("header", ["192.168.1.7:8080", "[fd00::7]:8080", "203.0.113.9"])
def test_another_address_is_allowed_only_where_the_server_listens_beyond_loopback(header: str) -> None:
    assert not allows(header)
    assert allows(header, "127.0.0.1", "192.168.1.7", "[fd00::7]", "203.0.113.9")
    assert allows(header, "0.0.0.0")
    assert allows(header, "faces.example")


def test_the_bound_name_and_the_named_are_allowed_in_any_case_and_at_any_port() -> None:
    assert allows("Faces.Example:80", "faces.example")
    assert allows("VISAVIS:9", "127.0.0.1", "visavis")
    assert allows("my_service.internal.", "127.0.0.1", "My_Service.internal")
    assert not allows("other", "faces.example", "visavis")


@pytest.mark.parametrize(
    ("header", "shown"), [("visavis:8080", "visavis"), ("[2001:db8::1]:80", "2001:db8::1"), ("a\x07b", "a?b")]
)
def test_the_refusal_names_the_option_and_the_host(header: str, shown: str) -> None:
    with pytest.raises(WireError) as caught:
        Hosts("127.0.0.1").check(header)
    assert (caught.value.status, caught.value.code) == (403, "HostNotAllowedException")
    assert f"--allow-host {shown}, or with --credentials FILE" in str(caught.value)


def test_the_refusal_of_a_long_host_is_short() -> None:
    with pytest.raises(WireError) as caught:
        Hosts("127.0.0.1").check("x" * 10_000)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("visavis", "visavis"),
        ("Faces.Example.com.", "faces.example.com"),
        ("my_service", "my_service"),
        ("10.0.0.5", "10.0.0.5"),
        ("[::1]", "::1"),
        ("fd00::5", "fd00::5"),
    ],
)
def test_the_option_takes_names_and_addresses(text: str, host: str) -> None:
    assert host_of(text) == host


@pytest.mark.parametrize(
    "text",
    ["", "*", "*.example.com", "visavis:8080", "http://visavis", "visavis/", "a b", "a..b", "-a", "é", "a" * 300],
)
def test_the_option_refuses_what_is_no_host(text: str) -> None:
    with pytest.raises(BadValue, match="must be a name such as visavis"):
        host_of(text)
