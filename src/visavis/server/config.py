"""The server's limits, and which callers it accepts."""

from __future__ import annotations

from dataclasses import dataclass

from visavis.errors import SettingsError
from visavis.parsing import BadValue, path_prefix
from visavis.server.hosts import ANY_ORIGIN, host_of, origin_of

__all__ = ["DEFAULT_HOST", "MAX_BODY", "ServerConfig"]

DEFAULT_HOST = "127.0.0.1"

MAX_BODY = 14_500_000
"""Bytes. Two images of the largest size that is taken are 13,981,016 in base64, and the envelope is small."""


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """The server's limits and which requests it accepts.

    prefix:          the path before the root, without a slash at its end; empty for none
    max_body:        bytes of a request's body
    body_seconds:    for a body to arrive
    memory:          bytes that the bodies in flight may hold together
    workers:         requests worked on at once
    waiting:         requests that may wait for a worker
    waiting_seconds: the longest that one may wait for a worker
    cors_origins:    origins of web pages that may ask, such as https://app.example.com; `*` for every one
    host:            the name or address that is listened on
    allowed_hosts:   more names that a request's Host may hold where no signatures are verified
    """

    prefix: str = ""
    max_body: int = MAX_BODY
    body_seconds: float = 60.0
    memory: int = 512 * 1024 * 1024
    workers: int = 2
    waiting: int = 32
    waiting_seconds: float = 20.0
    cors_origins: tuple[str, ...] = ()
    host: str = DEFAULT_HOST
    allowed_hosts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            SettingsError: a number is out of range, or the prefix, an origin or a host name is not valid.
        """
        if (
            min(self.max_body, self.workers) < 1
            or self.waiting < 0
            or min(self.body_seconds, self.waiting_seconds) <= 0
        ):
            raise SettingsError("sizes, seconds and workers must be positive, and waiting must not be negative")
        if self.memory < self.max_body:
            raise SettingsError(f"memory ({self.memory} bytes) must hold at least one body ({self.max_body} bytes)")
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
        """Accept `*` among the origins only where signatures are verified.

        Raises:
            SettingsError: every web page could use this server.
        """
        if ANY_ORIGIN in self.cors_origins and not verifies:
            raise SettingsError(
                f"--cors-origin {ANY_ORIGIN} without credentials lets every web page use this server: "
                "give --credentials FILE, or name the origins"
            )
