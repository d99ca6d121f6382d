"""Carries out requests of every kind of client: from operation, parameters and caller to the response's members."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial

from visavis.api.images import RequestImage, S3ObjectRef
from visavis.api.objects import OBJECT_LIMIT, ObjectStore, for_request
from visavis.api.operation import Context, FaceEngine
from visavis.api.operations import OPERATIONS, SERVICE
from visavis.api.response import FieldSet, Json
from visavis.aws.policy import Caller, Verdict
from visavis.aws.wire import MAX_SHOWN, WireError, printable
from visavis.deadline import Deadline
from visavis.errors import ImageTooLarge, ObjectUnavailable

__all__ = ["Dispatcher"]

log = logging.getLogger(__name__)

DENIALS = {
    Verdict.NOT_ALLOWED: "because no identity-based policy allows the {action} action",
    Verdict.DENIED: "with an explicit deny in an identity-based policy",
}


class Dispatcher:
    """The operations with the engine and the store that they use. Safe to share between threads if both are."""

    def __init__(self, engine: FaceEngine, objects: ObjectStore, attributes: FieldSet = FieldSet.ALL) -> None:
        """Keep the parts.

        Args:
            engine: detects and compares faces.
            objects: the store that an S3Object is read from.
            attributes: how much a response contains about a face in operations whose requests cannot choose.
        """
        self._engine = engine
        self._objects = objects
        self._attributes = attributes

    def dispatch(
        self, operation: str, params: Mapping[str, object], caller: Caller, deadline: Deadline | None = None
    ) -> Json:
        """The members of the response to one request.

        Args:
            operation: the name, as `Service.operation_of` gives it.
            params: JSON values; `Bytes` may also be plain bytes.
            caller: the verified sender. If it has a policy, the policy is applied here.
            deadline: when the work must end. Default: never.

        Raises:
            WireError: the operation is unknown, a type is wrong, the policy does not allow the request, or a
                constraint is broken.
            VisavisError: the operation failed. `api.errors.to_wire` gives Amazon's error for it.
        """
        found = OPERATIONS.get(operation)
        if found is None:
            raise SERVICE.unknown_operation(printable(operation, MAX_SHOWN))
        fields = found.decode(params)
        _authorize(caller, found.action)
        request = found.accept(fields)
        objects = for_request(self._objects, deadline)
        context = Context(self._engine, self._attributes, partial(_read, objects, caller), deadline)
        return found.render(found.run(request, context), request, context)


def _read(objects: ObjectStore, caller: Caller, image: RequestImage) -> bytes:
    if isinstance(image, bytes):
        return image
    try:
        _check_policy(caller, image)
        return objects.read(image, limit=OBJECT_LIMIT)
    except (ObjectUnavailable, ImageTooLarge) as error:
        # The key is logged only at the debug level, because images are often named after people.
        log.debug("object refused", extra={"bucket": image.bucket, "key": image.name, "reason": str(error)})
        raise


def _authorize(caller: Caller, action: str) -> None:
    verdict = caller.verdict(action)
    if verdict is not Verdict.ALLOWED:
        reason = DENIALS[verdict].format(action=action)
        text = f"User: {caller.arn} is not authorized to perform: {action} {reason}"
        raise WireError(400, "AccessDeniedException", text)


def _check_policy(caller: Caller, ref: S3ObjectRef) -> None:
    """Check that the caller's policy allows it to read the object.

    Raises:
        ObjectUnavailable: it does not. The error is that of a missing object, so that a caller cannot find out which
            objects a bucket has.
    """
    arn = f"arn:aws:s3:::{ref.bucket}/{ref.name}"
    for action in ["s3:GetObject"] if ref.version is None else ["s3:GetObject", "s3:GetObjectVersion"]:
        verdict = caller.verdict(action, arn)
        if verdict is not Verdict.ALLOWED:
            refusal = "denies" if verdict is Verdict.DENIED else "does not allow"
            raise ObjectUnavailable(f"the policy of {caller.arn} {refusal} {action} on this key of bucket {ref.bucket}")
