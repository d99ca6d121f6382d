"""Everything visavis raises on purpose.

VisavisError
├── BadImage                 not a JPEG or PNG, or one that does not decode
├── ImageTooLarge            over the byte or pixel limit
├── ImageTooSmall            under the smallest width or height
├── NoFace                   an image in which no face was found
│   └── FaceBelowQuality     its largest face does not pass the quality filter
├── InvalidRequest           a request that is well formed but asks for the impossible
├── ObjectUnavailable        an S3 object that is missing, forbidden or out of reach
├── Overloaded               the work queue is full
├── EngineClosed             an engine used after its close()
├── CalibrationMismatch      a similarity curve used with a model it was not fitted for
├── SettingsError            a setting that is missing or out of range
└── ModelError
    ├── ManifestError        the list of models is missing something or is odd
    ├── ModelUnavailable     not in the cache and not to be fetched (offline, no network)
    ├── ModelCorrupt         bytes whose SHA-256 is not the manifest's
    ├── ModelUnfit           a network that cannot serve as an embedder, or not under that name
    └── ModelStoreError      the cache cannot be written (full, read-only, not a folder)

`SourcesDiffer` is a warning and no error.

Nothing below `api/` knows what Amazon calls these; `api/errors.py` holds that table.
"""

from typing import Literal

__all__ = [
    "BadImage",
    "CalibrationMismatch",
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
    "VisavisError",
]

Role = Literal["source", "target"]


class SourcesDiffer(UserWarning):
    """Several sources that should show one person do not look alike."""


class VisavisError(Exception):
    """Base of every error that visavis raises on purpose; its text is fit to show a user."""


class BadImage(VisavisError):
    """The bytes are not a JPEG or PNG, or not a whole one."""


class ImageTooLarge(VisavisError):
    """Over the byte or pixel limit; found before the pixels are decoded."""


class ImageTooSmall(VisavisError):
    """Narrower or lower than the smallest image that is analysed."""


class NoFace(VisavisError):
    """No face was found in the image that plays `role`."""

    def __init__(self, message: str, *, role: Role | None = None) -> None:
        super().__init__(message)
        self.role = role


class FaceBelowQuality(NoFace):
    """The largest face of the source was found, but does not pass the quality filter."""


class InvalidRequest(VisavisError):
    """A request whose parts contradict each other or are missing."""


class ObjectUnavailable(VisavisError):
    """An object in a store is missing, forbidden or out of reach; the text says which, and no remote caller is told."""


class Overloaded(VisavisError):
    """More work is waiting than the queue may hold; the same call may succeed later."""


class EngineClosed(VisavisError):
    """The engine was closed, before this call or while it waited; open another."""


class CalibrationMismatch(VisavisError):
    """The similarity curve was fitted on another model than the one loaded."""


class SettingsError(VisavisError):
    """A setting is missing, malformed or out of range."""


class ModelError(VisavisError):
    """Something about the networks' files."""


class ManifestError(ModelError):
    """The manifest lacks a field, or a field is not what it must be."""


class ModelUnavailable(ModelError):
    """The file is not in the cache and no source delivered it."""


class ModelCorrupt(ModelError):
    """A file's SHA-256 is not the one in the manifest."""


class ModelUnfit(ModelError):
    """A file that cannot be taken as an embedder of the user's own: its name, its shapes, or what it gives."""


class ModelStoreError(ModelError):
    """The cache folder cannot be used: full, read-only, or not a folder."""
