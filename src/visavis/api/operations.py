"""Every door leads here: the name of an operation, its parameters and its caller become an answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from visavis.api import request, response
from visavis.api.errors import to_wire
from visavis.api.objects import OBJECT_LIMIT, ObjectStore
from visavis.api.request import ImageInput, S3ObjectRef
from visavis.api.response import Attributes
from visavis.aws.policy import Caller, Verdict
from visavis.aws.wire import SHOWN, WireError, printable, unknown_operation
from visavis.comparison import Comparison
from visavis.engine import CompareOptions
from visavis.errors import ImageTooLarge, ObjectUnavailable, Role
from visavis.face import Detail

__all__ = ["Dispatcher"]

log = logging.getLogger(__name__)

COMPARE_FACES = "rekognition:CompareFaces"

DETAIL = {Attributes.DEFAULT: Detail.MINIMAL, Attributes.ALL: Detail.ALL}
"""What is not told is not looked for."""

DENIALS = {
    Verdict.NOT_ALLOWED: "because no identity-based policy allows the {action} action",
    Verdict.DENIED: "with an explicit deny in an identity-based policy",
}


class Dispatcher:
    """The operations, bound to what carries them out. Safe to share between threads if its parts are."""

    def __init__(
        self,
        compare: Callable[[bytes, bytes, CompareOptions], Comparison],
        objects: ObjectStore,
        attributes: Attributes = Attributes.ALL,
    ) -> None:
        self._compare = compare
        self._objects = objects
        self._attributes = attributes
        self._operations = {"CompareFaces": self._compare_faces}

    def dispatch(self, operation: str, params: Mapping[str, object], caller: Caller) -> dict[str, object]:
        """The answer to one request.

        Args:
            operation: as `wire.operation_of` found it.
            params: JSON values; `Bytes` may also be plain bytes.
            caller: who the sender was found to be; its policy, if it has one, is applied here.

        Raises:
            WireError: for every failure. A status of 500 is a fault of ours; its `__cause__` says which.
        """
        if operation not in self._operations:
            raise unknown_operation(printable(operation, SHOWN))
        try:
            return self._operations[operation](params, caller)
        except Exception as error:
            refusal = to_wire(error)
            if refusal is error:
                raise
            raise refusal from error

    def _compare_faces(self, params: Mapping[str, object], caller: Caller) -> dict[str, object]:
        fields = request.read(params)
        _authorize(caller, COMPARE_FACES)
        asked = request.accept(fields)
        source = self._bytes_of("source", asked.source, caller)
        target = self._bytes_of("target", asked.target, caller)
        options = CompareOptions(asked.similarity_threshold, asked.quality_filter, detail=DETAIL[self._attributes])
        return response.render(self._compare(source, target, options), self._attributes)

    def _bytes_of(self, role: Role, image: ImageInput, caller: Caller) -> bytes:
        if isinstance(image, bytes):
            return image
        try:
            _check_policy(caller, image)
            return self._objects.read(image, limit=OBJECT_LIMIT)
        except (ObjectUnavailable, ImageTooLarge) as error:
            # The key is logged at debug level only, because pictures are often named after people.
            log.debug("object refused", extra={"bucket": image.bucket, "key": image.name, "reason": str(error)})
            kind = ImageTooLarge if isinstance(error, ImageTooLarge) else ObjectUnavailable
            raise kind(f"{role}: {error}") from error


def _authorize(caller: Caller, action: str) -> None:
    verdict = caller.verdict(action)
    if verdict is not Verdict.ALLOWED:
        reason = DENIALS[verdict].format(action=action)
        text = f"User: {caller.arn} is not authorized to perform: {action} {reason}"
        raise WireError(400, "AccessDeniedException", text)


def _check_policy(caller: Caller, ref: S3ObjectRef) -> None:
    """Pass an object that the caller's policy lets it read.

    Raises:
        ObjectUnavailable: as for an object that does not exist, so that a caller cannot probe a bucket.
    """
    arn = f"arn:aws:s3:::{ref.bucket}/{ref.name}"
    for action in ["s3:GetObject"] if ref.version is None else ["s3:GetObject", "s3:GetObjectVersion"]:
        verdict = caller.verdict(action, arn)
        if verdict is not Verdict.ALLOWED:
            refused = "denies" if verdict is Verdict.DENIED else "does not allow"
            raise ObjectUnavailable(f"the policy of {caller.arn} {refused} {action} on this key of bucket {ref.bucket}")
