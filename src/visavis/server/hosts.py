"""Which Host a request may name where no signature is verified.

A web page can have the name it was loaded from resolve to this machine (DNS rebinding). The browser then takes its
requests for those of the page's own origin, and only `Host`, which still holds that name, tells them from a program's.
Where signatures are verified such a page has no key, and Host is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

from visavis.aws.wire import WireError, printable
from visavis.errors import SettingsError

__all__ = ["Hosts", "host_of"]

SHOWN = 253
"""Characters of a Host that a refusal repeats: every name fits."""

_HEADER = re.compile(r"(\[[^\]\s]*\]|[^:\[\]\s]*)(:[0-9]*)?")
_NAME = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*")


def host_of(text: str) -> str:
    """`text`, the value of an option, as hosts are compared: a name in lower case or an IP address, no brackets.

    Raises:
        SettingsError: it is neither.
    """
    name = _bare(text)
    if _address(name) is None and (not _NAME.fullmatch(name) or len(name) > SHOWN):
        raise SettingsError(
            f"--allow-host must be a name such as visavis or faces.example.com, or an IP address, "
            f"without scheme, port or path, not {text!r}"
        )
    return name


class Hosts:
    """The hosts under which a server without credentials answers."""

    def __init__(self, bound: str, named: Iterable[str] = ()) -> None:
        """Allow loopback, `bound` and `named`.

        Args:
            bound: the name or address that the server listens on. Where that is not loopback, every IP address is
                allowed too: the page of a rebinding attack has a name, and nobody could list the addresses that a
                machine is reached by.
            named: more of them, as for `host_of`.

        Raises:
            SettingsError: `named` holds what is no host.
        """
        self._names = {"localhost", _bare(bound), *map(host_of, named)}
        self._any_address = not _is_loopback(_bare(bound))

    def check(self, header: str | None) -> None:
        """Pass a request with this Host header; one that has none, or an empty one, is no browser's.

        Raises:
            WireError: 403, with the option that would allow it.
        """
        if not header or self._allows(header):
            return
        found = _HEADER.fullmatch(header)
        name = printable(_bare(found[1]) if found else header, SHOWN)
        raise WireError(
            403,
            "HostNotAllowedException",
            f"without credentials this server answers loopback and named hosts only: "
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
    """Lower case, without the brackets of an IPv6 address and the dot that ends a full name."""
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
