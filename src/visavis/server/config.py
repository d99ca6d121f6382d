"""The server's limits and the requests that it accepts."""

from __future__ import annotations

from dataclasses import dataclass

from visavis.errors import SettingsError
from visavis.parsing import BadValue, path_prefix
from visavis.server.hosts import ANY_ORIGIN, host_of, origin_of, proxy_of

__all__ = [
    "DEFAULT_GRACE",
    "DEFAULT_HOST",
    "DEFAULT_PORT",
    "DEFAULT_WAITING",
    "DEFAULT_WAITING_SECONDS",
    "DEFAULT_WORK_SECONDS",
    "MAX_BODY",
    "ServerConfig",
]

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8080

DEFAULT_WAITING = 32
"""Requests that may wait for a worker."""

DEFAULT_WAITING_SECONDS = 20.0
"""The longest time that a request may wait for a worker."""

DEFAULT_WORK_SECONDS = 20.0
"""The longest time that a worker works on a request. Two images of 100 faces take 2 seconds on two cores that do
nothing else, and four such requests at once take 8; a busy machine may need twice that."""

DEFAULT_GRACE = 30.0
"""Seconds to finish the requests in progress after a signal to stop."""

MAX_BODY = 14_500_000
"""Bytes. Two images of the largest size have 13,981,016 bytes in base64, and the JSON around them is small."""

LEAST_RATE = 8_000
"""Bytes per second that a body must arrive at: 64 kbit/s, the slowest uplink of a telephone that sends pictures (UMTS).
Two photographs of 100 kB each then take 33 s."""

RATE_SECONDS = 10.0
"""Seconds in which the rate is measured. A lost packet that is sent again three times, after 1, 2 and 4 seconds, stops
an honest sender for 7."""

HEAD_SECONDS = 10.0
"""The longest time from the start of a connection or request to the end of its head, which is one packet or a few."""

SLOW_BODIES = 100
"""Bodies that may take longer than `RATE_SECONDS` at a time, a tenth of the connections."""

CONNECTIONS = 1000
"""Open connections of a process, just below 1,024, the usual limit of descriptors."""


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """The server's limits and which requests it accepts.

    Attributes:
        prefix: the path at which operations are served, without a slash at its end; empty for the root.
        max_body: the most bytes of a request's body.
        body_seconds: the time in which a body must arrive.
        least_rate: the bytes per second at which a body must arrive, and at which a response must be read.
        rate_seconds: the time in which that rate is measured; bodies that take longer are slow.
        slow_bodies: the most slow bodies at a time.
        memory: the most bytes of all bodies in progress together, as far as they have arrived.
        head_seconds: the time in which the head of a request must arrive.
        connections: the most connections of a process. Fewer are open if the process may not have so many descriptors.
        workers: the number of requests processed at once.
        waiting: the number of requests that may wait for a worker.
        waiting_seconds: the longest time that a request may wait for a worker.
        work_seconds: the longest time that a worker works on a request.
        cors_origins: origins of web pages that may send requests, such as https://app.example.com; `*` for all.
        host: the name or address that the server listens on.
        allowed_hosts: further names that a request's Host may have if no signatures are verified.
        forwarded_allow_ips: addresses and networks of proxies whose X-Forwarded-For is believed; `*` for all.
        page: whether the web page is served.

    Raises:
        SettingsError: a number is out of range, or the prefix, an origin or a host name is not valid.
    """

    prefix: str = ""
    max_body: int = MAX_BODY
    body_seconds: float = 60.0
    least_rate: int = LEAST_RATE
    rate_seconds: float = RATE_SECONDS
    slow_bodies: int = SLOW_BODIES
    memory: int = 256 * 1024 * 1024
    head_seconds: float = HEAD_SECONDS
    connections: int = CONNECTIONS
    workers: int = 2
    waiting: int = DEFAULT_WAITING
    waiting_seconds: float = DEFAULT_WAITING_SECONDS
    work_seconds: float = DEFAULT_WORK_SECONDS
    cors_origins: tuple[str, ...] = ()
    host: str = DEFAULT_HOST
    allowed_hosts: tuple[str, ...] = ()
    forwarded_allow_ips: tuple[str, ...] = ()
    page: bool = False

    def __post_init__(self) -> None:
        counts = (self.max_body, self.workers, self.connections)
        seconds = (self.body_seconds, self.waiting_seconds, self.work_seconds, self.rate_seconds, self.head_seconds)
        if min(*counts, *seconds) <= 0 or min(self.waiting, self.least_rate, self.slow_bodies) < 0:
            raise SettingsError(
                "max_body, workers, connections and all numbers of seconds must be positive, and waiting, least_rate "
                "and slow_bodies must not be negative"
            )
        if self.memory < self.max_body:
            raise SettingsError(f"memory must be at least max_body, {self.max_body} bytes, not {self.memory}")
        for name, texts, check in (
            ("prefix", [self.prefix], path_prefix),
            ("cors_origins", self.cors_origins, origin_of),
            ("allowed_hosts", self.allowed_hosts, host_of),
            ("forwarded_allow_ips", self.forwarded_allow_ips, proxy_of),
        ):
            try:
                for text in texts:
                    check(text)
            except BadValue as error:
                raise SettingsError(f"{name} {error}") from error

    def check_origins(self, *, verifies: bool) -> None:
        """Check that `*` is among the origins only if signatures are verified.

        Args:
            verifies: whether the server verifies signatures.

        Raises:
            SettingsError: every web page could use this server.
        """
        if ANY_ORIGIN in self.cors_origins and not verifies:
            raise SettingsError(
                f"--cors-origin {ANY_ORIGIN} without credentials lets every web page use this server: "
                "give --credentials FILE, or name the origins"
            )
