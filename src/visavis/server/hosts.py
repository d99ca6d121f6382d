"""Names of hosts and origins, and the check of a request's Host on servers that verify no signatures.

A web page can make the name that it was loaded from resolve to this machine (DNS rebinding). The browser then treats
its requests as same-origin, and only `Host`, which contains that name, distinguishes them from those of a program. If
signatures are verified, Host is not checked, because such a page has no key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from visavis.aws.wire import WireError, printable
from visavis.parsing import BadValue

__all__ = ["ANY_ORIGIN", "Hosts", "host_of", "network_of", "origin_of", "proxy_of"]

ANY_ORIGIN = ANY_PROXY = "*"

MAX_NAME = 253
"""Characters of the longest name in DNS: RFC 1035 allows 255 bytes, two of which are the first length and the root's.
An error repeats no more of a Host."""

_HEADER = re.compile(r"(\[[^\]\s]*\]|[^:\[\]\s]*)(:[0-9]*)?")
_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{1,5}))?"
)
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*")


def host_of(text: str) -> str:
    """The value of an option in the form in which hosts are compared: a name in lower case, or an IP address.

    Raises:
        BadValue: the text is neither.

    Example:
        >>> host_of("Faces.Example.com"), host_of("[::1]")
        ('faces.example.com', '::1')
    """
    name = _bare(text)
    if _address(name) is None and (not _NAME.fullmatch(name) or len(name) > MAX_NAME):
        raise BadValue(
            "a name such as visavis or faces.example.com, or an IP address, without scheme, port or path", text
        )
    return name


def origin_of(text: str) -> str:
    """The value of an option in the form in which browsers send origins: lower case, without the default port.

    Raises:
        BadValue: the text is neither an origin nor `*`.

    Example:
        >>> origin_of("https://App.example.com:443")
        'https://app.example.com'
    """
    if text == ANY_ORIGIN:
        return text
    found = _ORIGIN.fullmatch(text.lower())
    port = found and found["port"]
    if found is None or (port is not None and not 1 <= int(port) <= 65535):
        raise BadValue(
            "SCHEME://HOST or SCHEME://HOST:PORT such as https://app.example.com, without a path and with a name "
            "beyond ASCII written as xn--..., or *",
            text,
        )
    is_default = port is None or _DEFAULT_PORTS.get(found["scheme"]) == str(int(port))
    return f"{found['scheme']}://{found['host']}" + ("" if is_default else f":{port}")


def network_of(client: str) -> str:
    """What tells the clients of a server without credentials apart: the address, or the first half of an IPv6 address.

    The second half does not, because a network of IPv6 has 64 bits for its hosts (RFC 4291, section 2.5.1), and one
    host may use them all.

    Args:
        client: the address of a client; any other text is its own network.

    Example:
        >>> network_of("192.0.2.7"), network_of("::ffff:192.0.2.7"), network_of("2001:db8::7")
        ('192.0.2.7', '192.0.2.7', '2001:db8::/64')
    """
    address = _address(client)
    if isinstance(address, IPv6Address):
        return str(IPv6Network((int(address), 64), strict=False))
    return client if address is None else str(address)


class Hosts:
    """The hosts that requests to a server without credentials may name."""

    def __init__(self, bound: str, named: Iterable[str] = ()) -> None:
        """Allow loopback, `bound` and `named`.

        Args:
            bound: the name or address that the server listens on. If it is not loopback, every IP address is allowed
                as well, because a rebinding attack needs a name, and the addresses of a machine cannot all be listed.
            named: further names and addresses, as `host_of` accepts them.

        Raises:
            BadValue: a value in `named` is not a host.
        """
        self._names = {"localhost", _bare(bound), *map(host_of, named)}
        self._any_address = not _is_loopback(_bare(bound))

    def check(self, header: str | None) -> None:
        """Check the Host header of a request. It may be missing or empty, because browsers always send one.

        Raises:
            WireError: the host is not allowed. The status is 403, and the text names the option that would allow it.
        """
        if not header or self._allows(header):
            return
        found = _HEADER.fullmatch(header)
        name = printable(_bare(found[1]) if found else header, MAX_NAME)
        raise WireError(
            403,
            "HostNotAllowedException",
            "without credentials this server accepts only loopback and allowed host names: "
            f"start it with --allow-host {name}, or with --credentials FILE",
            "framework",
            f"Host {name} is neither loopback nor named by --allow-host",
        )

    def _allows(self, header: str) -> bool:
        found = _HEADER.fullmatch(header)
        if found is None:
            return False
        name = _bare(found[1])
        return name in self._names or _is_loopback(name) or (self._any_address and _address(name) is not None)


def _bare(host: str) -> str:
    """The host in lower case, without the brackets of an IPv6 address or the dot at the end of a full name."""
    host = host.lower()
    return host[1:-1] if host.startswith("[") and host.endswith("]") else host.removesuffix(".")


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" if address is None else address.is_loopback


def proxy_of(text: str) -> str:
    """The address or network of a proxy, or `*`.

    Raises:
        BadValue: the text is neither.

    Example:
        >>> proxy_of("10.0.0.0/8")
        '10.0.0.0/8'
    """
    try:
        if text != ANY_PROXY:
            ip_network(text)
    except ValueError as error:
        raise BadValue("an address or network of a proxy such as 10.0.0.1 or 10.0.0.0/8, or *", text) from error
    return text
