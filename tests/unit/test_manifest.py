from __future__ import annotations

import pytest

from visavis.errors import ManifestError
from visavis.models.manifest import load_manifest, parse_manifest
from visavis.models.model_file import UrlSource, WeightUpdate, WheelSource

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


def test_the_shipped_manifest_has_the_networks_with_licences() -> None:
    models = load_manifest().models
    assert list(models) == ["detector", "sface", "robust-sface", "mesh", "iris"]
    assert {m.licence for m in models.values()} == {"MIT", "Apache-2.0"}


UPDATED = f"""
[[model]]
name = "n"
base = "m"
licence = "Apache-2.0"
origin = "us"
[model.update]
file = "n.npz"
sha256 = "{"1" * 64}"
size = 5
weights_sha256 = "{"2" * 64}"
"""


def test_a_model_can_be_an_earlier_one_with_changed_weights() -> None:
    models = parse_manifest(GOOD + UPDATED)
    base, updated = models["m"], models["n"]
    assert (updated.file, updated.sha256, updated.sources, updated.build) == (
        base.file,
        base.sha256,
        base.sources,
        base.build,
    )
    assert (updated.licence, updated.origin) == ("Apache-2.0", "us")
    assert updated.update == WeightUpdate("n.npz", "1" * 64, 5, "2" * 64)
    assert (base.network_sha256, updated.network_sha256) == ("0" * 64, "2" * 64)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('base = "m"', 'base = "x"', "model 'n': base must be the name of an earlier model, not 'x'"),
        ('"n.npz"', '"../n.npz"', "model 'n', update: file must be a file name"),
        ("2" * 64, "2" * 63, "model 'n', update: weights_sha256 must be 64 lower-case hexadecimal digits"),
        ("1" * 64, "G" * 64, "model 'n', update: sha256 must be 64 lower-case hexadecimal digits"),
        ("size = 5", "size = 0", "model 'n', update: size must be a number of bytes"),
        ("[model.update]", "[model.other]", "model 'n': 'update' is missing"),
    ],
)
def test_what_is_wrong_with_an_update_is_named(old: str, new: str, said: str) -> None:
    assert old in UPDATED
    with pytest.raises(ManifestError, match=said):
        parse_manifest(GOOD + UPDATED.replace(old, new))


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
        ("size = 10", "size = -1", "size must be a number of bytes"),
        ("0" * 64, "0" * 63, "64 lower-case hexadecimal digits"),
        ('file = "m.onnx"', 'file = "../m.onnx"', "file must be a file name"),
        ("NCHW", "CHWN", "layout must be one of NCHW, NHWC"),
        ("scale = 1.0", "scale = 0.0", "scale must not be 0"),
        ("scale = 1.0", "scale = inf", "mean and scale must be finite"),
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
