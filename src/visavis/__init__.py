"""visavis answers Amazon Rekognition's CompareFaces and DetectFaces on your own machine.

    from pathlib import Path
    import visavis

    client = visavis.client()  # a genuine boto3 client; this process answers its requests
    client.compare_faces(SourceImage={"Bytes": a}, TargetImage={"Bytes": b})
    client.detect_faces(Image={"Bytes": a})

    comparison = visavis.compare(Path("a.jpg"), Path("b.jpg"))  # the same comparison without boto3's parameters
    for match in comparison.matches:
        print(match.similarity, match.face.box)

    with visavis.open_engine() as engine:  # an engine that your program closes
        engine.compare(Path("a.jpg"), Path("b.jpg"))

`import visavis` loads no network and no large library. They are loaded when one of the names below is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from visavis import errors
    from visavis.analysis import Analysis, AnalyzedImage
    from visavis.api.objects import FolderStore, ObjectStore
    from visavis.api.s3 import S3Store
    from visavis.boto3_client import client, compare, patch
    from visavis.calibration import Calibration
    from visavis.compare_options import CompareOptions
    from visavis.comparison import Comparison, Match
    from visavis.comparison_report import ReportedImage, report_comparison
    from visavis.deadline import Deadline
    from visavis.engine import Engine
    from visavis.errors import (
        BadImage,
        CalibrationMismatch,
        Cancelled,
        EngineClosed,
        FaceBelowQuality,
        ImageTooLarge,
        ImageTooSmall,
        InvalidRequest,
        ManifestError,
        ModelCorrupt,
        ModelError,
        ModelStoreError,
        ModelUnavailable,
        ModelUnfit,
        NoFace,
        ObjectUnavailable,
        Overloaded,
        SettingsError,
        SourcesDiffer,
        TimedOut,
        VisavisError,
    )
    from visavis.face import (
        Attribute,
        Detail,
        Emotion,
        EmotionType,
        EyeDirection,
        Face,
        Landmark,
        LandmarkType,
        Pose,
        Quality,
        QualityFilter,
        QualityReason,
    )
    from visavis.geometry import Box, RelativeBox, Size
    from visavis.report import draw_comparison, draw_faces
    from visavis.runtime import open_engine
    from visavis.settings import Settings

__version__ = "0.1.0"

_HOME = {
    "Analysis": "analysis",
    "AnalyzedImage": "analysis",
    "Attribute": "face",
    "BadImage": "errors",
    "Box": "geometry",
    "Calibration": "calibration",
    "CalibrationMismatch": "errors",
    "Cancelled": "errors",
    "CompareOptions": "compare_options",
    "Comparison": "comparison",
    "Deadline": "deadline",
    "Detail": "face",
    "Emotion": "face",
    "EmotionType": "face",
    "Engine": "engine",
    "EngineClosed": "errors",
    "EyeDirection": "face",
    "Face": "face",
    "FaceBelowQuality": "errors",
    "FolderStore": "api.objects",
    "ImageTooLarge": "errors",
    "ImageTooSmall": "errors",
    "InvalidRequest": "errors",
    "Landmark": "face",
    "LandmarkType": "face",
    "ManifestError": "errors",
    "Match": "comparison",
    "ModelCorrupt": "errors",
    "ModelError": "errors",
    "ModelStoreError": "errors",
    "ModelUnavailable": "errors",
    "ModelUnfit": "errors",
    "NoFace": "errors",
    "ObjectStore": "api.objects",
    "ObjectUnavailable": "errors",
    "Overloaded": "errors",
    "Pose": "face",
    "Quality": "face",
    "QualityFilter": "face",
    "QualityReason": "face",
    "RelativeBox": "geometry",
    "ReportedImage": "comparison_report",
    "S3Store": "api.s3",
    "Settings": "settings",
    "SettingsError": "errors",
    "Size": "geometry",
    "SourcesDiffer": "errors",
    "TimedOut": "errors",
    "VisavisError": "errors",
    "client": "boto3_client",
    "compare": "boto3_client",
    "draw_comparison": "report",
    "draw_faces": "report",
    "open_engine": "runtime",
    "patch": "boto3_client",
    "report_comparison": "comparison_report",
}

__all__ = [
    "Analysis",
    "AnalyzedImage",
    "Attribute",
    "BadImage",
    "Box",
    "Calibration",
    "CalibrationMismatch",
    "Cancelled",
    "CompareOptions",
    "Comparison",
    "Deadline",
    "Detail",
    "Emotion",
    "EmotionType",
    "Engine",
    "EngineClosed",
    "EyeDirection",
    "Face",
    "FaceBelowQuality",
    "FolderStore",
    "ImageTooLarge",
    "ImageTooSmall",
    "InvalidRequest",
    "Landmark",
    "LandmarkType",
    "ManifestError",
    "Match",
    "ModelCorrupt",
    "ModelError",
    "ModelStoreError",
    "ModelUnavailable",
    "ModelUnfit",
    "NoFace",
    "ObjectStore",
    "ObjectUnavailable",
    "Overloaded",
    "Pose",
    "Quality",
    "QualityFilter",
    "QualityReason",
    "RelativeBox",
    "ReportedImage",
    "S3Store",
    "Settings",
    "SettingsError",
    "Size",
    "SourcesDiffer",
    "TimedOut",
    "VisavisError",
    "client",
    "compare",
    "draw_comparison",
    "draw_faces",
    "errors",
    "open_engine",
    "patch",
    "report_comparison",
]


def __getattr__(name: str) -> object:
    if name == "errors":
        return import_module("visavis.errors")
    if name not in _HOME:
        raise AttributeError(f"module 'visavis' has no attribute {name!r}")
    return getattr(import_module(f"visavis.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME, "errors"])
