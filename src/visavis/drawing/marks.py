"""What is drawn: faces with a name, a kind and a text, on their pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from visavis.face import Face
from visavis.image import Image

__all__ = ["Colour", "Kind", "Mark", "Picture"]

Colour = tuple[int, int, int]
"""RGB, 0..255 each."""


class Kind(Enum):
    """How a face is drawn. Each kind has a line of its own, because colours alone do not tell kinds apart.

    The colours of sources, matches and faces for review are those that Okabe and Ito chose for readers of any colour
    vision (https://jfly.uni-koeln.de/color/).

    Attributes:
        SOURCE: blue, a solid line.
        MATCH: green, a thick solid line, and a check mark.
        REVIEW: orange, a double line, and a question mark.
        OTHER: grey, a thin dashed line.
    """

    SOURCE = (0, 114, 178)
    MATCH = (0, 158, 115)
    REVIEW = (230, 159, 0)
    OTHER = (84, 92, 102)

    @property
    def colour(self) -> Colour:
        """Of its box, badge and line."""
        return self.value

    @property
    def ink(self) -> Colour:
        """Of the text on its badge: black or white, whichever has the higher contrast."""
        return (0, 0, 0) if self in (Kind.MATCH, Kind.REVIEW) else (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Mark:
    """A face to draw.

    Attributes:
        face: in pixels of its picture.
        kind: of the box.
        name: on the badge, such as `S` or `12`.
        text: beside the badge or on the line, such as a similarity; may be empty.
        verdict: what the legend says beside the text; empty for a face that the legend does not list.
        joined: whether a line joins the face to the sources.
    """

    face: Face
    kind: Kind
    name: str
    text: str = ""
    verdict: str = ""
    joined: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """An image with the faces to draw on it.

    Attributes:
        image: upright.
        marks: of its faces.
    """

    image: Image
    marks: Sequence[Mark] = ()
