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
