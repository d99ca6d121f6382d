"""A service that uses AWS JSON 1.1, as a value: its names, and the operations that are answered here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from visavis.aws.wire import CONTENT_TYPE, MAX_SHOWN, WireError, printable

__all__ = ["DEFAULT_REGION", "Service"]

DEFAULT_REGION = "us-east-1"
"""The region of clients and servers that name none."""


@dataclass(frozen=True, slots=True)
class Service:
    """The names of a service, as in its model.

    Attributes:
        name: the name in the scope of signatures, such as `rekognition`.
        service_id: the name in SDKs and their environment variables, such as `Rekognition`.
        target_prefix: the start of X-Amz-Target including its dot, such as `RekognitionService.`.
        operations: the names of the operations that are answered here.

    Example:
        >>> service = Service("rekognition", "Rekognition", "RekognitionService.", ("CompareFaces", "DetectFaces"))
        >>> service.requested_operation({"x-amz-target": "RekognitionService.DetectFaces"})
        'DetectFaces'
        >>> service.answered
        'CompareFaces and DetectFaces'
    """

    name: str
    service_id: str
    target_prefix: str
    operations: tuple[str, ...]

    @property
    def answered(self) -> str:
        """The operations as a list in a text: `A`, `A and B`, `A, B and C`."""
        return _joined(self.operations, "and")

    @property
    def answered_any(self) -> str:
        """The operations as alternatives in a text: `A`, `A or B`, `A, B or C`."""
        return _joined(self.operations, "or")

    def requested_operation(self, headers: Mapping[str, str]) -> str | None:
        """The operation that X-Amz-Target names; `headers` have names in lower case.

        Returns:
            The bare name of an operation of this service, answered here or not, or the whole target of another
            service. It is cut to `MAX_SHOWN` printable characters, because the caller wrote it. None without a target.
        """
        target = headers.get("x-amz-target", "")
        return printable(target.removeprefix(self.target_prefix), MAX_SHOWN) or None

    def operation_of(self, headers: Mapping[str, str]) -> str:
        """The name of the operation, one of `operations`; `headers` have names in any case.

        Raises:
            WireError: UnknownOperationException, if the service or the operation is another one, or the content type
                is not AWS JSON 1.1.
        """
        lowered = {name.lower(): value for name, value in headers.items()}
        head, dot, name = lowered.get("x-amz-target", "").partition(".")
        if head + dot != self.target_prefix or name not in self.operations:
            raise self.unknown_operation(self.requested_operation(lowered))
        media_type = lowered.get("content-type", "").partition(";")[0].strip()
        if media_type.lower() != CONTENT_TYPE:
            given = f"with Content-Type {printable(media_type, MAX_SHOWN)}" if media_type else "without a Content-Type"
            raise self._unknown(f"{name} was sent {given}, which must be {CONTENT_TYPE}")
        return name

    def unknown_operation(self, requested: str | None = None) -> WireError:
        """The error for an operation that is not answered here. AWS sends no text with it.

        Args:
            requested: the operation's name, as `requested_operation` gives it; None for a request without a target.
        """
        what = f"{requested} is not supported" if requested else "the request has no X-Amz-Target header"
        return self._unknown(what)

    def _unknown(self, what: str) -> WireError:
        return WireError(400, "UnknownOperationException", f"{what}; visavis answers {self.answered}", "framework")


def _joined(names: tuple[str, ...], last: str) -> str:
    *first, end = names
    return f"{', '.join(first)} {last} {end}" if first else end
