"""The table of the faces of a comparison, one row a face, and the names of faces."""

from __future__ import annotations

from collections.abc import Iterator

from visavis.comparison import Comparison, Match
from visavis.document import Table
from visavis.face import Face
from visavis.similarity_scale import shown

__all__ = ["best_of", "faces_of_target", "faces_table", "roles_of", "verdict_of"]

_HEAD = ("Face", "Similarity", "Verdict", "Box in pixels", "Pose in degrees", "Quality", "Expression", "Confidence")


def roles_of(comparison: Comparison) -> list[str]:
    """The names of the sources with those of the drawing: `source S`, or `source S1` and so on."""
    count = len(comparison.sources)
    return ["source S"] if count == 1 else [f"source S{i}" for i in range(1, count + 1)]


def faces_of_target(comparison: Comparison) -> tuple[Match, ...]:
    """The faces of the target in the order of their numbers, from 1: matches first."""
    return (*comparison.matches, *comparison.unmatched)


def best_of(comparison: Comparison) -> tuple[int, Match] | None:
    """The number of the face with the highest similarity, and the face; None if no face was compared."""
    numbered = list(enumerate(faces_of_target(comparison), 1))
    return max(numbered, key=lambda face: face[1].similarity) if numbered else None


def verdict_of(comparison: Comparison, match: Match) -> str:
    """`match` or `no match`, and whether a person should review it."""
    verdict = "match" if any(match is found for found in comparison.matches) else "no match"
    return f"{verdict}, for review" if match.review else verdict


def faces_table(comparison: Comparison) -> Table:
    """One row for each source and for each face of the target."""
    fused = len(comparison.sources) > 1
    head = (*_HEAD[:2], "To each source", *_HEAD[2:]) if fused else _HEAD
    rows = tuple(_rows(comparison, fused=fused))
    caption = "Faces. Similarity, quality and confidence are 0 to 100; the box is width x height at left, top."
    return Table(caption, head, rows)


def _rows(comparison: Comparison, *, fused: bool) -> Iterator[tuple[str, ...]]:
    strangers = dict(comparison.strangers)
    for i, (role, face) in enumerate(zip(roles_of(comparison), comparison.sources, strict=True)):
        unlike = f"unlike S1: {shown(strangers[i])}" if i in strangers else ""
        yield (role, "", *([""] if fused else []), unlike, *_described(face))
    for number, match in enumerate(faces_of_target(comparison), 1):
        to_each = [", ".join(map(shown, match.by_source))] if fused else []
        verdict = verdict_of(comparison, match)
        yield (str(number), shown(match.similarity), *to_each, verdict, *_described(match.face))


def _described(face: Face) -> tuple[str, ...]:
    """The cells from the box on."""
    box, pose, quality = face.box, face.pose, face.quality
    poor = "; poor in " + ", ".join(reason.lower().replace("_", " ") for reason in quality.reasons)
    return (
        f"{round(box.width)} x {round(box.height)} at {round(box.left)}, {round(box.top)}",
        f"roll {round(pose.roll)}, yaw {round(pose.yaw)}, pitch {round(pose.pitch)}",
        f"{quality.score:.0f}: brightness {quality.brightness:.0f}, sharpness {quality.sharpness:.0f}"
        + (poor if quality.reasons else ""),
        _expression(face),
        f"{face.confidence:.1f}",
    )


def _expression(face: Face) -> str:
    words = [f"{emotion.type.lower()} {emotion.confidence:.0f}" for emotion in face.emotions[:1]]
    for found, if_true, if_false in (
        (face.smile, "smile", "no smile"),
        (face.eyes_open, "eyes open", "eyes closed"),
        (face.mouth_open, "mouth open", "mouth closed"),
    ):
        if found is not None:
            words.append(f"{if_true if found.value else if_false} {found.confidence:.0f}")
    return ", ".join(words)
