"""The server's limits and the requests that it accepts."""

from __future__ import annotations

from dataclasses import dataclass

from visavis.errors import SettingsError
from visavis.parsing import BadValue, path_prefix
from visavis.server.hosts import ANY_ORIGIN, host_of, origin_of

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


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """The server's limits and which requests it accepts.

    Attributes:
        prefix: the path at which operations are served, without a slash at its end; empty for the root.
        max_body: the most bytes of a request's body.
        body_seconds: the time in which a body must arrive.
        memory: the most bytes of all bodies in progress together.
        workers: the number of requests processed at once.
        waiting: the number of requests that may wait for a worker.
        waiting_seconds: the longest time that a request may wait for a worker.
        work_seconds: the longest time that a worker works on a request.
        cors_origins: origins of web pages that may send requests, such as https://app.example.com; `*` for all.
        host: the name or address that the server listens on.
        allowed_hosts: further names that a request's Host may have if no signatures are verified.

    Raises:
        SettingsError: a number is out of range, or the prefix, an origin or a host name is not valid.
    """

    prefix: str = ""
    max_body: int = MAX_BODY
    body_seconds: float = 60.0
    memory: int = 512 * 1024 * 1024
    workers: int = 2
    waiting: int = DEFAULT_WAITING
    waiting_seconds: float = DEFAULT_WAITING_SECONDS
    work_seconds: float = DEFAULT_WORK_SECONDS
    cors_origins: tuple[str, ...] = ()
    host: str = DEFAULT_HOST
    allowed_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (
            min(self.max_body, self.workers) < 1
            or self.waiting < 0
            or min(self.body_seconds, self.waiting_seconds, self.work_seconds) <= 0
        ):
            raise SettingsError(
                "max_body, workers, body_seconds, waiting_seconds and work_seconds must be positive, "
                "and waiting must not be negative"
            )
        if self.memory < self.max_body:
            raise SettingsError(f"memory must be at least max_body, {self.max_body} bytes, not {self.memory}")
        for name, texts, check in (
            ("prefix", [self.prefix], path_prefix),
            ("cors_origins", self.cors_origins, origin_of),
            ("allowed_hosts", self.allowed_hosts, host_of),
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
