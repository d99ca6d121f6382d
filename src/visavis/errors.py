"""Every exception that visavis raises on purpose.

    VisavisError
    ├── BadImage                 not a JPEG or PNG, or one that cannot be decoded
    ├── ImageTooLarge            over the limit of bytes or pixels
    ├── ImageTooSmall            under the smallest width or height
    ├── NoFace                   no face was found in the image
    │   └── FaceBelowQuality     the largest face does not pass the quality filter
    ├── InvalidRequest           arguments that are missing, contradict each other or are out of range
    ├── ObjectUnavailable        an S3 object is missing, forbidden or unreachable
    ├── Overloaded               the work queue is full, or memory is short
    │   └── TimedOut             the work on a request took too long
    ├── Cancelled                nobody waits for the result any more
    ├── EngineClosed             the engine was used after its close()
    ├── CalibrationMismatch      the similarity curve was fitted on another model
    ├── SettingsError            a setting is missing, malformed or out of range
    └── ModelError
        ├── ManifestError        the manifest of models is incomplete or malformed
        ├── ModelUnavailable     not in the cache and cannot be fetched (offline, no network)
        ├── ModelCorrupt         a file whose SHA-256 differs from the manifest's
        ├── ModelUnfit           a network or a name that cannot be used for an embedder
        └── ModelStoreError      the cache folder cannot be used (full, read-only, not a folder)

`SourcesDiffer` is a warning, not an error. `api/errors.py` has the table from these errors to Amazon's.
"""

from typing import Literal

__all__ = [
    "BadImage",
    "CalibrationMismatch",
    "Cancelled",
    "EngineClosed",
    "FaceBelowQuality",
    "ImageTooLarge",
    "ImageTooSmall",
    "InvalidRequest",
    "ManifestError",
    "ModelCorrupt",
    "ModelError",
    "ModelStoreError",
    "ModelUnavailable",
    "ModelUnfit",
    "NoFace",
    "ObjectUnavailable",
    "Overloaded",
    "SettingsError",
    "SourcesDiffer",
    "TimedOut",
    "VisavisError",
]

Role = Literal["source", "target"]


class SourcesDiffer(UserWarning):
    """The sources of a comparison, which should show one person, do not look alike."""


class VisavisError(Exception):
    """Base of every error that visavis raises on purpose. Its text can be shown to a user."""


class BadImage(VisavisError):
    """The bytes are not a JPEG or PNG, or not a complete one."""


class ImageTooLarge(VisavisError):
    """The image is over the limit of bytes or pixels. It is raised before the pixels are decoded."""


class ImageTooSmall(VisavisError):
    """The image is narrower or lower than the smallest that is analysed."""


class NoFace(VisavisError):
    """No face was found in the image.

    Attributes:
        role: "source" or "target" in a comparison, or None.
    """

    def __init__(self, message: str, *, role: Role | None = None) -> None:
        super().__init__(message)
        self.role = role


class FaceBelowQuality(NoFace):
    """The largest face of the source does not pass the quality filter."""


class InvalidRequest(VisavisError):
    """Arguments are missing, of a wrong type, out of range, or contradict each other."""


class ObjectUnavailable(VisavisError):
    """An object in a store is missing, forbidden or unreachable.

    The text says which, and is never sent to remote callers.
    """


class Overloaded(VisavisError):
    """The queue is full, or the wait was too long. The same call may succeed later."""


class TimedOut(Overloaded):
    """The work on a request took longer than it may. The same call may succeed when the machine is less busy."""


class Cancelled(VisavisError):
    """Nobody waits for the result any more, so the work was ended."""


class EngineClosed(VisavisError):
    """The engine was closed before the call or while the call waited. Open another one."""


class CalibrationMismatch(VisavisError):
    """The similarity curve was fitted on another model than the loaded one."""


class SettingsError(VisavisError):
    """A setting is missing, malformed or out of range."""


class ModelError(VisavisError):
    """Base of the errors about the networks' files."""


class ManifestError(ModelError):
    """The manifest lacks a field, or a field has a wrong value."""


class ModelUnavailable(ModelError):
    """The file is not in the cache, and no source has it."""


class ModelCorrupt(ModelError):
    """The SHA-256 of a file differs from the one in the manifest."""


class ModelUnfit(ModelError):
    """A file cannot be added as an embedder, because of its name, its shapes or its output."""


class ModelStoreError(ModelError):
    """The cache folder cannot be used: it is full, read-only, or not a folder."""
