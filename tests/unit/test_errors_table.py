import pytest

from visavis import errors
from visavis.api.errors import TABLE, reason_of, to_wire
from visavis.aws.wire import WireError
from visavis.errors import VisavisError

INVALID_PARAMETER = "Request has invalid parameters"


def leaves(kind: type[VisavisError] = VisavisError) -> list[type[VisavisError]]:
    """Every error in errors.py without a subclass there. Classes that tests define are left out."""
    children = [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    return [leaf for child in children for leaf in leaves(child)] or [kind]


@pytest.mark.parametrize("kind", leaves())
def test_every_error_of_ours_is_decided_about(kind: type[VisavisError]) -> None:
    assert set(kind.__mro__) & set(TABLE), f"{kind.__name__} has no row in api/errors.py"


def test_the_base_error_is_no_row_that_would_catch_all() -> None:
    assert VisavisError not in TABLE


@pytest.mark.parametrize(
    ("error", "status", "code", "message"),
    [
        (errors.BadImage("x"), 400, "InvalidImageFormatException", "Request has invalid image format"),
        (errors.ImageTooLarge("x"), 400, "ImageTooLargeException", "Image size is too large"),
        (errors.ImageTooSmall("x"), 400, "InvalidParameterException", INVALID_PARAMETER),
        (errors.NoFace("x", role="source"), 400, "InvalidParameterException", INVALID_PARAMETER),
        (errors.FaceBelowQuality("x"), 400, "InvalidParameterException", INVALID_PARAMETER),
        (errors.InvalidRequest("x"), 400, "InvalidParameterException", INVALID_PARAMETER),
        (
            errors.ObjectUnavailable("x"),
            400,
            "InvalidS3ObjectException",
            "Unable to get object metadata from S3. Check object key, region and/or access permissions.",
        ),
        (errors.Overloaded("x"), 400, "ThrottlingException", "Slow down; sudden increase in rate of requests."),
        (errors.TimedOut("x"), 400, "ThrottlingException", "Slow down; sudden increase in rate of requests."),
        (MemoryError("x"), 400, "ThrottlingException", "Slow down; sudden increase in rate of requests."),
        (errors.Cancelled("x"), 400, "ThrottlingException", "Slow down; sudden increase in rate of requests."),
        (errors.ModelCorrupt("secret path"), 500, "InternalServerError", "Internal server error"),
        (errors.SettingsError("secret path"), 500, "InternalServerError", "Internal server error"),
        (errors.CalibrationMismatch("x"), 500, "InternalServerError", "Internal server error"),
        (RuntimeError("secret path"), 500, "InternalServerError", "Internal server error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_an_error_is_told_in_amazons_words(error: Exception, status: int, code: str, message: str) -> None:
    told = to_wire(error)
    assert (told.status, told.code, told.message, told.kind) == (status, code, message, "service")


def test_a_finer_error_is_told_as_its_nearest_ancestor() -> None:
    class Upside(errors.BadImage):
        pass

    assert to_wire(Upside("x")).code == "InvalidImageFormatException"


def test_what_is_already_in_amazons_words_is_left_as_it_is() -> None:
    error = WireError(400, "ValidationException", "text", "framework")
    assert to_wire(error) is error


def test_two_calls_never_share_an_exception() -> None:
    error = errors.BadImage("x")
    assert to_wire(error) is not to_wire(error)


def test_a_reason_is_in_our_words() -> None:
    error = errors.ImageTooSmall("target: 64 x 512 pixels, at least 80 are needed")
    assert reason_of(error) == "target: 64 x 512 pixels, at least 80 are needed"


def test_a_refusal_made_in_amazons_words_has_its_text_or_one_of_its_own_as_the_reason() -> None:
    assert reason_of(WireError(400, "Code", "text")) == "text"
    assert reason_of(WireError(400, "Code")) == "Code"
    assert reason_of(WireError(400, "Code", "text with a value", reason="text without")) == "text without"


def test_the_reason_of_a_fault_of_ours_is_its_kind_because_its_text_may_hold_anything() -> None:
    cause = FileNotFoundError(2, "No such file", "/pictures/jane-doe.jpg")
    assert reason_of(cause) == "FileNotFoundError"
