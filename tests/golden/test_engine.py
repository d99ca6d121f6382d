"""The real networks on real images. Tolerances stand beside the numbers."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil

from tests.conftest import PHOTOS, encode
from visavis.analysis import Analysis
from visavis.compare_options import CompareOptions
from visavis.engine import Engine
from visavis.errors import BadImage, ImageTooSmall, InvalidRequest, NoFace, SourcesDiffer
from visavis.face import Detail
from visavis.runtime import open_engine
from visavis.settings import Settings

Photo = Callable[[str], bytes]


def opened(data: bytes) -> Pil.Image:
    return Pil.open(io.BytesIO(data))


def mosaic(photo: Photo, names: list[str], height: int = 400) -> bytes:
    """The images side by side, each `height` pixels high."""
    tiles = [opened(photo(n)) for n in names]
    tiles = [t.resize((round(t.width * height / t.height), height)) for t in tiles]
    out = Pil.new("RGB", (sum(t.width for t in tiles), height))
    x = 0
    for tile in tiles:
        out.paste(tile, (x, 0))
        x += tile.width
    return encode(out)


@pytest.mark.parametrize(("one", "other"), [("ardern_2018", "ardern_2022"), ("macron_2014", "macron_2025")])
def test_two_images_of_one_person_match(engine: Engine, photo: Photo, one: str, other: str) -> None:
    (match,) = engine.compare(photo(one), photo(other)).matches
    assert match.similarity > 99


def test_images_of_two_people_do_not_match(engine: Engine, photo: Photo) -> None:
    result = engine.compare(photo("obama"), photo("sunak"))
    assert result.matches == ()
    assert result.unmatched[0].similarity < 30


def test_an_image_is_wholly_similar_to_itself(engine: Engine, photo: Photo) -> None:
    result = engine.compare(photo("obama"), photo("obama"))
    assert result.matches[0].similarity == 100.0
    assert result.matches[0].face.box == result.source.box


def test_the_same_bytes_give_the_same_numbers_with_any_number_of_threads(photo: Photo) -> None:
    def numbers(threads: int) -> list[float]:
        settings = Settings.from_env()
        with open_engine(Settings(settings.home, offline=True, threads=threads)) as engine:
            result = engine.compare(photo("ardern_2018"), mosaic(photo, ["obama", "ardern_2022", "sunak"], height=200))
        return [v for m in (*result.matches, *result.unmatched) for v in (m.cosine, m.face.box.left, m.face.confidence)]

    assert numbers(1) == numbers(2) == numbers(3)


def test_the_largest_face_of_the_source_is_the_one_compared(engine: Engine, photo: Photo) -> None:
    small, large = opened(photo("obama")).resize((170, 196)), opened(photo("sunak"))
    both = Pil.new("RGB", (large.width + small.width, large.height))
    both.paste(small, (0, 0))
    both.paste(large, (small.width, 0))
    result = engine.compare(encode(both), photo("sunak"))
    assert result.matches[0].similarity > 99
    assert result.source.box.left > small.width


def test_a_bystander_cut_by_the_border_does_not_beat_the_person_in_the_image(engine: Engine, photo: Photo) -> None:
    person, bystander = opened(photo("sunak")), opened(photo("obama"))
    face, other = (engine.analyze(photo(name)).faces[0].box for name in ("sunak", "obama"))
    scale = 1.2 * face.width / other.width
    bystander = bystander.resize((round(bystander.width * scale), round(bystander.height * scale)))
    kept = round(scale * (other.left + 0.6 * other.width))
    both = Pil.new("RGB", (person.width + kept, max(person.height, bystander.height)), "gray")
    both.paste(person, (0, 0))
    both.paste(bystander.crop((0, 0, kept, bystander.height)), (person.width, 0))
    faces = engine.analyze(encode(both)).faces
    assert [f.box.right > both.width for f in faces] == [False, True]
    assert faces[0].box.area < faces[1].box.area
    assert engine.compare(encode(both), photo("sunak")).matches[0].similarity > 99


def test_sources_that_show_somebody_else_are_named(engine: Engine, photo: Photo) -> None:
    sources = [photo("ardern_2018"), photo("obama"), photo("ardern_2022")]
    with pytest.warns(SourcesDiffer, match=r"these sources do not match the first: 2 \(similarity") as told:
        result = engine.compare_many(sources, photo("ardern_2022"))
    assert [warning.filename for warning in told] == [__file__]  # the caller's line, and not the library's
    ((index, similarity),) = result.strangers
    assert (index, similarity) == (1, engine.compare(sources[0], sources[1]).unmatched[0].similarity)


@pytest.mark.parametrize("kind", ["path", "file", "array"])
def test_a_path_a_file_and_pixels_give_the_answer_of_the_bytes(engine: Engine, photo: Photo, kind: str) -> None:
    path = PHOTOS / "ardern_2018.jpg"
    given: dict[str, Any] = {"path": path, "file": path.open("rb"), "array": np.asarray(Pil.open(path))}
    target = photo("ardern_2022")
    with given["file"]:
        one, other = engine.compare(given[kind], target), engine.compare(path.read_bytes(), target)
    assert [m.similarity for m in one.matches] == [m.similarity for m in other.matches]
    assert one.source.box == other.source.box


def test_pixels_are_held_to_the_limits_of_a_file(engine: Engine) -> None:
    with pytest.raises(ImageTooSmall, match="79 x 200 pixels, at least 80 are needed"):
        engine.analyze(np.zeros((200, 79, 3), np.uint8))


def test_what_is_wrong_with_an_image_says_which_image(engine: Engine, photo: Photo) -> None:
    obama, nobody = photo("obama"), encode(Pil.new("RGB", (200, 200)))
    for sources, target, says in (
        ([nobody], obama, "source: no face was found"),
        ([obama], nobody, "target: no face was found"),
        ([obama, nobody], obama, "source 2: no face was found"),
    ):
        with pytest.raises(NoFace, match=says):
            engine.compare_many(sources, target)
    with pytest.raises(InvalidRequest, match="source: an image must not be a str"):
        engine.compare("a.jpg", obama)  # type: ignore[arg-type]


def test_options_that_are_none_are_named(engine: Engine, photo: Photo) -> None:
    obama = photo("obama")
    for options in (80, {"similarity_threshold": 80}, None, 0):
        for compare in (engine.compare, lambda s, *rest: engine.compare_many([s, s], *rest)):
            with pytest.raises(InvalidRequest, match="options must be CompareOptions"):
                compare(obama, obama, options)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match="detail must be one of MINIMAL, ALL, not 'FULL'"):
        engine.analyze(obama, detail="FULL")  # type: ignore[arg-type]
    assert engine.analyze(obama, detail="all").faces[0].emotions  # type: ignore[arg-type]


def test_every_face_of_the_target_is_in_exactly_one_list(engine: Engine, photo: Photo) -> None:
    target = mosaic(photo, ["obama", "ardern_2018", "sunak", "macron_2025"])
    result = engine.compare(photo("ardern_2022"), target)
    assert [len(result.matches), len(result.unmatched)] == [1, 3]
    everyone = engine.compare(photo("ardern_2022"), target, CompareOptions(similarity_threshold=0))
    assert [len(everyone.matches), len(everyone.unmatched)] == [4, 0]
    scores = [m.similarity for m in everyone.matches]
    assert scores == sorted(scores, reverse=True)


def test_of_120_faces_the_100_largest_are_kept(engine: Engine, photo: Photo) -> None:
    # 20 small faces among 100 larger ones, in an image of 2,400 x 1,620 pixels.
    face = opened(photo("obama")).crop((150, 100, 530, 560))
    out = Pil.new("RGB", (2400, 1620), "gray")
    for i in range(100):
        out.paste(face.resize((105, 127)), (i % 20 * 120, i // 20 * 135))
    for i in range(20):
        out.paste(face.resize((75, 91)), (i * 120, 5 * 135 + 100))
    analysis = engine.analyze(encode(out))
    assert len(analysis.faces) == 100
    assert analysis.more
    assert max(f.box.bottom for f in analysis.faces) < 5 * 135 + 100


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (1080, 1920)])
def test_a_face_of_40_pixels_in_full_hd_is_found(engine: Engine, photo: Photo, width: int, height: int) -> None:
    portrait = opened(photo("sunak"))
    scale = 40 / 280  # the face is 280 pixels wide
    small = portrait.resize((round(portrait.width * scale), round(portrait.height * scale)), Pil.Resampling.LANCZOS)
    out = Pil.new("RGB", (width, height), (90, 110, 120))
    out.paste(small, (700, 600))
    (face,) = engine.analyze(encode(out)).faces
    assert face.box.width == pytest.approx(40, rel=0.1)


def test_a_face_that_fills_the_frame_is_found(engine: Engine, photo: Photo) -> None:
    tight = opened(photo("obama")).crop((235, 160, 455, 500)).resize((660, 1020))
    (face,) = engine.analyze(encode(tight)).faces
    assert face.box.width > 500


@pytest.mark.parametrize("angle", [-45, -30, 30, 45])
def test_a_face_rolled_up_to_45_degrees_matches_itself(engine: Engine, photo: Photo, angle: int) -> None:
    turned = opened(photo("ardern_2018")).rotate(angle, expand=True, resample=Pil.Resampling.BICUBIC)
    (match,) = engine.compare(photo("ardern_2018"), encode(turned)).matches
    assert match.similarity > 99


def exif_turned(photo: Photo, orientation: int) -> bytes:
    undo = {3: 180, 6: 90, 8: 270}
    exif = Pil.Exif()
    exif[0x0112] = orientation
    return encode(opened(photo("obama")).rotate(undo[orientation], expand=True), "JPEG", quality=95, exif=exif)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_an_image_turned_by_exif_gives_the_upright_box(engine: Engine, photo: Photo, orientation: int) -> None:
    upright = engine.analyze(photo("obama")).faces[0]
    turned = engine.analyze(exif_turned(photo, orientation)).faces[0]
    one, other = upright.box.relative_to(upright.image_size), turned.box.relative_to(turned.image_size)
    for name in ("left", "top", "width", "height"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), abs=0.01)


def test_png_and_jpeg_of_one_raster_agree(engine: Engine, photo: Photo) -> None:
    (match,) = engine.compare(photo("sunak"), encode(opened(photo("sunak")))).matches
    assert match.similarity == pytest.approx(100, abs=0.01)


@pytest.mark.parametrize("empty", ["source", "target"])
def test_an_image_without_a_face_is_named(engine: Engine, photo: Photo, empty: str) -> None:
    blank = encode(Pil.new("RGB", (300, 300), "white"))
    images = (blank, photo("obama")) if empty == "source" else (photo("obama"), blank)
    with pytest.raises(NoFace, match=f"{empty}: no face was found") as error:
        engine.compare(*images)
    assert error.value.role == empty


def test_of_two_bad_images_the_source_is_reported(engine: Engine) -> None:
    with pytest.raises(BadImage, match="GIF"):
        engine.compare(b"GIF89a", b"%PDF-1.7")


def test_analysing_finds_no_face_without_raising(engine: Engine) -> None:
    result = engine.analyze(encode(Pil.new("RGB", (300, 300), "white")))
    assert isinstance(result, Analysis)
    assert result.faces == ()


def test_embeddings_have_unit_length(engine: Engine, photo: Photo) -> None:
    (face,) = engine.analyze(photo("obama")).faces
    assert face.embedding.shape == (128,)
    assert face.embedding.dtype == np.float32
    assert np.linalg.norm(face.embedding) == pytest.approx(1, abs=1e-6)


def test_several_sources_of_one_person_match_better_than_one(engine: Engine, photo: Photo) -> None:
    small = encode(opened(photo("ardern_2018")).resize((179, 225)))
    sources = [photo("ardern_2018"), small]
    fused = engine.compare_many(sources, photo("ardern_2022"))
    assert len(fused.sources) == 2
    (match,) = fused.matches
    assert len(match.by_source) == 2
    assert match.similarity > 99


def test_one_source_is_compared_as_ever(engine: Engine, photo: Photo) -> None:
    one = engine.compare(photo("obama"), photo("sunak"), CompareOptions(similarity_threshold=0))
    many = engine.compare_many([photo("obama")], photo("sunak"), CompareOptions(similarity_threshold=0))
    assert many.matches[0].similarity == one.matches[0].similarity


def test_without_a_source_there_is_nothing_to_compare(engine: Engine, photo: Photo) -> None:
    with pytest.raises(InvalidRequest, match="at least one image"):
        engine.compare_many([], photo("sunak"))


def test_a_bad_image_is_named_by_its_part(engine: Engine, photo: Photo) -> None:
    with pytest.raises(BadImage, match="target: the image is neither JPEG nor PNG"):
        engine.compare(photo("obama"), b"BM")


def test_what_is_asked_of_a_face_does_not_change_how_it_compares(engine: Engine, photo: Photo) -> None:
    target = mosaic(photo, ["obama", "ardern_2022", "sunak"], height=200)
    full, plain = (
        engine.compare(photo("ardern_2018"), target, CompareOptions(detail=detail))
        for detail in (Detail.ALL, Detail.MINIMAL)
    )
    for one, other in zip((*full.matches, *full.unmatched), (*plain.matches, *plain.unmatched), strict=True):
        assert one.similarity == other.similarity
        assert (one.face.box, one.face.quality, one.face.pose) == (other.face.box, other.face.quality, other.face.pose)
        assert one.face.emotions
        assert other.face.emotions == ()
        assert other.face.smile is None
        assert len(one.face.landmarks) == len(other.face.landmarks) == 30


def test_an_image_that_is_remembered_gives_the_same_answer_without_being_analysed(photo: Photo) -> None:
    settings = replace(Settings.from_env(), face_cache_size=2)
    with open_engine(settings) as engine:
        first = engine.compare(photo("obama"), photo("sunak"))
        again = engine.compare(photo("obama"), photo("sunak"))
        assert again.source is first.source
        with pytest.raises(ValueError, match="read-only"):
            again.source.embedding[0] = 0
        assert again.unmatched[0].face is first.unmatched[0].face
        assert engine.compare(photo("sunak"), photo("obama")).unmatched[0].similarity == pytest.approx(
            first.unmatched[0].similarity, abs=1e-5
        )


def test_nothing_is_remembered_unless_asked_for(engine: Engine, photo: Photo) -> None:
    one, other = (engine.analyze(photo("obama")).faces[0] for _ in range(2))
    assert one is not other


def test_a_large_image_is_compared_as_the_small_one_it_was_made_of(engine: Engine, photo: Photo) -> None:
    # 12 megapixels, decoded at half the scale, with a face of a quarter of its width; then a small face in it, for
    # which it is decoded whole.
    large = encode(opened(photo("obama")).resize((3240, 3740), Pil.Resampling.LANCZOS), "JPEG", quality=92)
    (match,) = engine.compare(photo("obama"), large).matches
    assert match.cosine > 0.98
    group = Pil.new("RGB", (4000, 3000), (90, 110, 120))
    group.paste(opened(photo("obama")).resize((260, 300), Pil.Resampling.LANCZOS), (2000, 1500))
    data = encode(group, "JPEG", quality=92)
    (match,) = engine.compare(photo("obama"), data).matches
    alone = np.asarray(opened(data).convert("RGB").crop((1700, 1200, 2560, 2100)))
    (same,) = engine.compare(photo("obama"), encode(Pil.fromarray(alone))).matches
    assert match.cosine == pytest.approx(same.cosine, abs=0.02)
