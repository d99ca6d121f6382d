"""A service that speaks AWS JSON 1.1, as a value: its names, and the operations that are answered here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from visavis.aws.wire import CONTENT_TYPE, SHOWN, WireError, printable

__all__ = ["Service"]


@dataclass(frozen=True, slots=True)
class Service:
    """The names of a service, as its model has them.

    name:          the one that signatures are scoped to, such as `rekognition`
    service_id:    the one that SDKs and their environment variables use, such as `Rekognition`
    target_prefix: the start of X-Amz-Target, up to and with its dot, such as `RekognitionService.`
    operations:    those that are answered here

    Example:
        >>> service = Service("rekognition", "Rekognition", "RekognitionService.", ("CompareFaces", "DetectFaces"))
        >>> service.asked_operation({"x-amz-target": "RekognitionService.DetectFaces"})
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
        """The operations as a text lists them: `A`, `A and B`, `A, B and C`."""
        return _joined(self.operations, "and")

    @property
    def answered_any(self) -> str:
        """The same where one of them is meant: `A`, `A or B`, `A, B or C`."""
        return _joined(self.operations, "or")

    def asked_operation(self, headers: Mapping[str, str]) -> str | None:
        """The operation that the target in `headers` (names in lower case) names; None without a target.

        It is the bare name for an operation of this service, answered here or not, and the whole target for one of
        another service. The caller wrote it, so it is cut to `SHOWN` printable characters.
        """
        target = headers.get("x-amz-target", "")
        return printable(target.removeprefix(self.target_prefix), SHOWN) or None

    def operation_of(self, headers: Mapping[str, str]) -> str:
        """The operation that `headers` (names in any case) call for.

        Raises:
            WireError: UnknownOperationException, for another content type, service or operation than ours.
        """
        lowered = {name.lower(): value for name, value in headers.items()}
        head, dot, name = lowered.get("x-amz-target", "").partition(".")
        if head + dot != self.target_prefix or name not in self.operations:
            raise self.unknown_operation(self.asked_operation(lowered))
        media_type = lowered.get("content-type", "").partition(";")[0].strip()
        if media_type.lower() != CONTENT_TYPE:
            given = f"as Content-Type {printable(media_type, SHOWN)}" if media_type else "without a Content-Type"
            raise self._unknown(f"{name} was asked for {given}, which must be {CONTENT_TYPE}")
        return name

    def unknown_operation(self, asked: str | None = None) -> WireError:
        """The error for `asked`, as `asked_operation` gives it: names it, and what is answered here.

        AWS itself sends no text.
        """
        return self._unknown(f"{asked} is not answered here" if asked else "the request has no X-Amz-Target header")

    def _unknown(self, what: str) -> WireError:
        return WireError(400, "UnknownOperationException", f"{what}; visavis answers {self.answered}", "framework")


def _joined(names: tuple[str, ...], last: str) -> str:
    *first, end = names
    return f"{', '.join(first)} {last} {end}" if first else end
