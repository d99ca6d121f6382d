"""Public names as a typed program uses them; mypy --strict checks this file, nothing runs it."""

from __future__ import annotations

from pathlib import Path

import visavis


class _Client:
    """Stands for a client of boto3, which has no types."""


def most_similar(source: Path, target: Path) -> float | None:
    settings = visavis.Settings(home=Path("/models"), offline=True, threads=2)
    options = visavis.CompareOptions(similarity_threshold=90, quality_filter=visavis.QualityFilter.AUTO)
    with visavis.open_engine(settings) as engine:
        try:
            result: visavis.Comparison = engine.compare(source.read_bytes(), target.read_bytes(), options)
        except visavis.VisavisError:
            return None
    best: visavis.Match | None = result.matches[0] if result.matches else None
    return best.similarity if best else None


def widths(image: bytes, engine: visavis.Engine) -> list[float]:
    analysis: visavis.Analysis = engine.analyze(image)
    return [face.box.relative_to(face.image_size).width for face in analysis.faces]


def client_of(engine: visavis.Engine) -> object:
    return visavis.client(engine=engine, objects={"photos": "/srv/photos"}, region_name="eu-west-1")


def patched(client: _Client, engine: visavis.Engine) -> _Client:
    return visavis.patch(client, engine=engine)


def tip_of_the_nose(face: visavis.Face) -> tuple[float, float] | None:
    nose: visavis.Landmark | None = face.landmark(visavis.LandmarkType.NOSE)
    return None if nose is None else (nose.x, nose.y)


def looks_happy(face: visavis.Face) -> bool:
    smile: visavis.Attribute | None = face.smile
    gaze: visavis.EyeDirection | None = face.eye_direction
    is_dark = visavis.QualityReason.LOW_BRIGHTNESS in face.quality.reasons
    is_happy = any(emotion.type is visavis.EmotionType.HAPPY for emotion in face.emotions)
    return is_happy and not is_dark and smile is not None and smile.value and gaze is not None and gaze.pitch > 0


def false_match_rate(engine: visavis.Engine, cosine: float) -> float:
    calibration: visavis.Calibration = engine.calibration
    return calibration.false_match_rate(calibration.similarity(cosine))


def report(source: Path, target: Path, engine: visavis.Engine) -> bytes:
    images = [visavis.ReportedImage(path.name, path.read_bytes()) for path in (source, target)]
    comparison = engine.compare(images[0].data, images[1].data)
    return visavis.report_comparison(comparison, images[:1], images[1], calibration=engine.calibration)


def drawings(source: Path, target: Path, engine: visavis.Engine) -> list[bytes]:
    return [
        visavis.draw_faces(source, engine.analyze(source).faces),
        visavis.draw_comparison(source, target.read_bytes(), engine.compare(source, target), ".jpg"),
    ]
