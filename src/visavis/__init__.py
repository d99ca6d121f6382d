"""visavis compares faces: Amazon Rekognition's CompareFaces on your own machine.

    from pathlib import Path
    import visavis

    client = visavis.client()     # a genuine boto3 Rekognition client, answered in this process
    client.compare_faces(SourceImage={"Bytes": a}, TargetImage={"Bytes": b})

    with visavis.open_engine() as engine:      # or without boto3's words
        comparison = engine.compare(Path("a.jpg").read_bytes(), Path("b.jpg").read_bytes())
        for match in comparison.matches:
            print(match.similarity, match.face.box)

Importing visavis loads no network and nothing heavy; the first use of a name below does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from visavis.analysis import Analysis
    from visavis.comparison import Comparison, Match
    from visavis.engine import CompareOptions, Engine
    from visavis.errors import VisavisError
    from visavis.face import Detail, Emotion, Face, Landmark, Pose, Quality, QualityFilter, Smile
    from visavis.geometry import Box, RelativeBox, Size
    from visavis.local import client, patch
    from visavis.runtime import open_engine
    from visavis.settings import Settings

__version__ = "0.1.0"

_HOME = {
    "Analysis": "analysis",
    "Box": "geometry",
    "CompareOptions": "engine",
    "Comparison": "comparison",
    "Detail": "face",
    "Emotion": "face",
    "Engine": "engine",
    "Face": "face",
    "Landmark": "face",
    "Match": "comparison",
    "Pose": "face",
    "Quality": "face",
    "QualityFilter": "face",
    "RelativeBox": "geometry",
    "Settings": "settings",
    "Size": "geometry",
    "Smile": "face",
    "VisavisError": "errors",
    "client": "local",
    "open_engine": "runtime",
    "patch": "local",
}

__all__ = [
    "Analysis",
    "Box",
    "CompareOptions",
    "Comparison",
    "Detail",
    "Emotion",
    "Engine",
    "Face",
    "Landmark",
    "Match",
    "Pose",
    "Quality",
    "QualityFilter",
    "RelativeBox",
    "Settings",
    "Size",
    "Smile",
    "VisavisError",
    "client",
    "open_engine",
    "patch",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'visavis' has no attribute {name!r}")
    return getattr(import_module(f"visavis.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
