"""What `--json` prints: the response that the server would send, and Amazon's error code if there is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from visavis.errors import InvalidRequest, VisavisError

__all__ = ["encoded", "with_error_codes"]


def encoded(response: Mapping[str, object]) -> str:
    """The members of a response as text, byte for byte the same as from the server."""
    from visavis.aws.wire import encode

    return encode(response).decode()


@contextmanager
def with_error_codes() -> Iterator[None]:
    """Put Amazon's error code before the text of an error.

    Raises:
        InvalidRequest: the body raised a `VisavisError`. The text has Amazon's code and our description.

    Example:
        >>> with with_error_codes():
        ...     raise InvalidRequest("there are no sources")
        Traceback (most recent call last):
        visavis.errors.InvalidRequest: InvalidParameterException: there are no sources
    """
    try:
        yield
    except VisavisError as error:
        from visavis.api.errors import to_wire

        raise InvalidRequest(f"{to_wire(error).code}: {error}") from error
