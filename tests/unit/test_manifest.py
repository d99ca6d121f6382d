from __future__ import annotations

import pytest

from visavis.errors import ManifestError
from visavis.models.manifest import UrlSource, WheelSource, load_manifest, parse_manifest

GOOD = """
[[model]]
name = "m"
file = "m.onnx"
sha256 = "%s"
size = 10
licence = "MIT"
origin = "here"
build = { format = "onnx", layout = "NCHW", colour = "RGB", mean = 0.0, scale = 1.0 }
[[model.source]]
package = "p"
version = "1"
member = "p/m.onnx"
""" % ("0" * 64)


def test_the_shipped_manifest_has_the_four_networks_with_licences() -> None:
    models = load_manifest().models
    assert list(models) == ["detector", "embedder", "mesh", "iris"]
    assert {m.licence for m in models.values()} == {"MIT", "Apache-2.0"}


def test_sources_keep_their_order() -> None:
    first, second = load_manifest()["detector"].sources
    assert isinstance(first, WheelSource)
    assert isinstance(second, UrlSource)


def test_a_good_manifest_reads() -> None:
    assert parse_manifest(GOOD)["m"].sources[0] == WheelSource("p", "1", "p/m.onnx", None)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('licence = "MIT"\n', "", "model 'm': 'licence' is missing"),
        ("size = 10", 'size = "10"', "size must be int"),
        ("size = 10", "size = -1", "size must be a positive number"),
        ("0" * 64, "0" * 63, "64 lower-case hexadecimal digits"),
        ('file = "m.onnx"', 'file = "../m.onnx"', "file must be a file name"),
        ("NCHW", "CHWN", "layout must be one of NCHW, NHWC"),
        ("scale = 1.0", "scale = 0.0", "scale must be a number other than 0"),
        ("[[model.source]]", "[model.nothing]", r"at least one \[\[source\]\] table"),
        ('package = "p"', 'url = "ftp://p"', "https://"),
        ("[[model]]", "[[model", "not TOML"),
    ],
)
def test_what_is_missing_or_odd_is_named(old: str, new: str, said: str) -> None:
    assert old in GOOD
    with pytest.raises(ManifestError, match=said):
        parse_manifest(GOOD.replace(old, new))


def test_a_name_may_be_used_once() -> None:
    with pytest.raises(ManifestError, match="two models are named 'm'"):
        parse_manifest(GOOD + GOOD)


def test_an_unknown_model_is_answered_with_those_there_are() -> None:
    with pytest.raises(ManifestError, match="no model is named 'x'; choose one of: m"):
        parse_manifest(GOOD)["x"]
