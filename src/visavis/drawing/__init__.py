"""Draws faces on their pictures: boxes, labels, lines and a legend."""

from visavis.drawing.composing import compose, compose_one
from visavis.drawing.encoding import check_suffix, encoded
from visavis.drawing.marks import Kind, Mark, Picture
from visavis.drawing.opening import opened

__all__ = ["Kind", "Mark", "Picture", "check_suffix", "compose", "compose_one", "encoded", "opened"]
