"""The page in a browser: photos in, the answer out, at any threshold, by mouse and keyboard, large and small."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil
from playwright.sync_api import expect
from tools.browser import ROOT, Visit, crowd

from tests.conftest import PHOTOS, encode, gradient
from tests.contract.serving import Running
from visavis.engine import Engine
from visavis.server.page import HEADERS

Open = Callable[..., Visit]

GROUP = ROOT / "src/visavis/server/page/files/group.jpg"
ARDERN, ARDERN_LATER = PHOTOS / "ardern_2018.jpg", PHOTOS / "ardern_2022.jpg"
OBAMA, SUNAK = PHOTOS / "obama.jpg", PHOTOS / "sunak.jpg"

pytestmark = pytest.mark.slow

DROP = """([selector, files]) => {
  const transfer = new DataTransfer();
  for (const [name, type, data] of files) {
    transfer.items.add(new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], name, { type }));
  }
  const event = { bubbles: true, cancelable: true };
  const target = document.querySelector(selector);
  target.dispatchEvent(new DragEvent("dragover", { ...event, dataTransfer: transfer }));
  target.dispatchEvent(new DragEvent("drop", { ...event, dataTransfer: transfer }));
}"""
PASTE = """(data) => {
  const transfer = new DataTransfer();
  const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
  transfer.items.add(new File([bytes], "image.png", { type: "image/png" }));
  document.dispatchEvent(new ClipboardEvent("paste", { bubbles: true, clipboardData: transfer }));
}"""


def file(name: str, data: bytes, kind: str = "image/jpeg") -> dict[str, Any]:
    return {"name": name, "mimeType": kind, "buffer": data}


def drop(visit: Visit, selector: str, *paths: Path) -> None:
    files = [[path.name, "image/jpeg", base64.b64encode(path.read_bytes()).decode()] for path in paths]
    visit.page.evaluate(DROP, [selector, files])


def compared(visit: Visit, source: Path, target: Path) -> Visit:
    visit.choose("source", source)
    visit.choose("target", target)
    visit.answered()
    return visit


def rows(visit: Visit) -> list[tuple[str, str, str]]:
    """Number, similarity and verdict of each row of the list."""
    found = visit.page.locator("#faces li")
    texts = {part: found.locator(f".{part}").all_text_contents() for part in ("number", "similarity", "verdict")}
    return list(zip(*texts.values(), strict=True))


def test_the_page_comes_with_strict_headers_and_few_bytes(open_server: Running, visit: Open) -> None:
    opened = visit(open_server)
    opened.page.wait_for_load_state("networkidle")
    entries = "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
    sizes = opened.page.evaluate(f"{entries}.map((entry) => entry.encodedBodySize)")
    assert len(sizes) >= 12  # the page, its style, its icon and its modules
    assert sum(sizes) < 100_000
    response = opened.page.goto(f"{open_server.url}/")
    assert response is not None
    assert {name: response.headers[name] for name in HEADERS} == HEADERS


def test_two_dropped_photos_are_compared_and_shown(open_server: Running, visit: Open, engine: Engine) -> None:
    opened = visit(open_server)
    drop(opened, "#source", ARDERN)
    drop(opened, "#target", GROUP)
    opened.answered()
    expected = engine.compare(ARDERN, GROUP)
    assert opened.status == "1 match, 3 without a match."
    shown = rows(opened)
    assert [row[0] for row in shown] == ["1", "2", "3", "4"]
    everything = sorted((m.similarity for m in (*expected.matches, *expected.unmatched)), reverse=True)
    assert [float(row[1]) for row in shown] == [int(similarity * 100) / 100 for similarity in everything]
    assert [row[2] for row in shown] == ["Match", "No match", "No match", "No match"]
    assert opened.page.locator("#target .overlay .face").count() == 4
    assert opened.page.locator("#lines path.line").count() == 1
    assert opened.compared() == 1


def test_the_boxes_are_where_the_faces_are(open_server: Running, visit: Open, engine: Engine) -> None:
    opened = compared(visit(open_server), ARDERN, ARDERN_LATER)
    image = opened.page.locator("#target canvas").bounding_box()
    drawn = opened.page.locator("#target .face .box").bounding_box()
    assert image is not None
    assert drawn is not None
    box = engine.compare(ARDERN, ARDERN_LATER).matches[0].face
    relative = box.box.relative_to(box.image_size)
    placed = [(drawn["x"] - image["x"]) / image["width"], (drawn["y"] - image["y"]) / image["height"],
              drawn["width"] / image["width"], drawn["height"] / image["height"]]  # fmt: skip
    assert placed == pytest.approx([relative.left, relative.top, relative.width, relative.height], abs=0.02)


def test_a_photo_with_an_orientation_is_shown_upright(open_server: Running, visit: Open) -> None:
    with Pil.open(ARDERN) as image:
        exif = Pil.Exif()
        exif[0x0112] = 6  # to be turned 90 degrees clockwise
        lying = encode(image.transpose(Pil.Transpose.ROTATE_90), "JPEG", exif=exif, quality=95)
        size = image.size
    opened = visit(open_server)
    opened.choose("source", file("phone.jpg", lying))
    opened.choose("target", ARDERN_LATER)
    opened.answered()
    assert opened.page.locator("#source .size").inner_text() == f"{size[0]} × {size[1]}"
    canvas = opened.page.locator("#source canvas").bounding_box()
    face = opened.page.locator("#source .face .box").bounding_box()
    assert canvas is not None
    assert face is not None
    assert canvas["height"] > canvas["width"]
    assert canvas["y"] < face["y"] < canvas["y"] + 0.4 * canvas["height"]  # the face is in the upper part of a portrait


def test_the_slider_sorts_the_faces_without_another_request(open_server: Running, visit: Open) -> None:
    opened = compared(visit(open_server), ARDERN, GROUP)
    asked = len(opened.posts)
    slider = opened.page.get_by_role("slider", name="Similarity from which a face is a match")
    slider.fill("100")
    opened.says("0 matches")
    assert [row[2] for row in rows(opened)] == ["No match"] * 4
    assert opened.page.locator("#lines path.line").count() == 0
    slider.fill("0")
    opened.says("4 matches")
    assert opened.page.locator("#lines path.line").count() == 4
    assert len(opened.posts) == asked


def test_a_similarity_equal_to_the_threshold_is_a_match(open_server: Running, visit: Open) -> None:
    """The slider has steps of 0.1, so the page itself rounds; the number field takes what it shows."""
    opened = compared(visit(open_server), ARDERN, GROUP)
    opened.page.locator("#threshold-number").fill("99.9")
    opened.page.locator("#threshold-number").press("Enter")
    expect(opened.page.locator("#threshold")).to_have_value("99.9")
    assert rows(opened)[0][2] == "Match"


def test_the_review_band_marks_faces_for_a_person(open_server: Running, visit: Open) -> None:
    opened = compared(visit(open_server), ARDERN, GROUP)
    opened.page.get_by_label("A person reviews similarities").check()
    opened.page.locator("#review-low").fill("0")
    opened.page.locator("#review-high").fill("100")
    opened.says("4 to review")
    assert {row[2] for row in rows(opened)} == {"Review"}
    assert opened.page.locator("#target .face.review").count() == 4


def test_the_words_say_what_a_similarity_and_a_threshold_mean(open_server: Running, visit: Open) -> None:
    opened = compared(visit(open_server), ARDERN, GROUP)
    assert opened.page.locator("#threshold-words").inner_text() == (
        "two strangers of one sex get there in one in 1,000 comparisons"
    )
    meanings = opened.page.locator("#faces .meaning")
    assert (
        meanings.first.text_content()
        == "Fewer than one in 1,000,000 pairs of strangers score this high (extrapolated)."
    )
    opened.page.locator("#threshold").fill("90")
    expect(opened.page.locator("#threshold-words")).to_contain_text("one in 10,000 comparisons")


def test_the_face_under_the_pointer_is_described(open_server: Running, visit: Open) -> None:
    opened = compared(visit(open_server), ARDERN, GROUP)
    details = opened.page.locator("#details")
    opened.page.locator("#target .face").first.hover()  # drawn first is the least similar
    assert details.get_by_role("heading").inner_text() == "Face 4"
    text = details.inner_text()
    assert all(word in text for word in ("Similarity", "yaw", "brightness", "sharpness", "nothing against it"))
    opened.page.locator("#source .face").hover()
    assert details.get_by_role("heading").inner_text() == "Source"
    assert "happy" in details.inner_text()  # CompareFaces does not describe the source; DetectFaces does


def test_landmarks_are_shown_on_demand(open_server: Running, visit: Open) -> None:
    opened = compared(visit(open_server), ARDERN, ARDERN_LATER)
    points = opened.page.locator("#target .landmarks circle")
    assert points.count() == 30
    assert not points.first.is_visible()
    opened.page.get_by_label("Landmarks").check()
    assert points.first.is_visible()
    assert opened.page.locator("#source .landmarks circle").count() == 30


def test_several_sources_are_compared_and_can_be_removed(open_server: Running, visit: Open) -> None:
    opened = visit(open_server)
    opened.choose("source", ARDERN, ARDERN_LATER)
    opened.choose("target", GROUP)
    opened.answered()
    assert opened.compared() == 2
    assert opened.page.locator("#lines path.line").count() == 2
    assert "S1 99." in (opened.page.locator("#faces .by-source").first.text_content() or "")
    assert "with 2 sources up to 2 times as often" in opened.page.locator("#threshold-words").inner_text()
    opened.page.get_by_role("button", name="Remove ardern_2018.jpg").click()
    opened.answered()
    assert opened.page.locator("#lines path.line").count() == 1
    assert opened.page.locator("#faces .by-source").count() == 0


def test_a_pasted_picture_becomes_the_source_and_the_next_the_target(open_server: Running, visit: Open) -> None:
    opened = visit(open_server)
    for path in (OBAMA, SUNAK):
        with Pil.open(path) as image:
            opened.page.evaluate(PASTE, base64.b64encode(encode(image)).decode())
        opened.page.wait_for_timeout(300)
    opened.answered()
    assert opened.status == "0 matches, 1 without a match."


def test_a_drop_of_text_is_explained(open_server: Running, visit: Open) -> None:
    opened = visit(open_server)
    opened.page.evaluate(DROP, ["#target", []])
    assert "There was no file in it." in opened.page.locator("#target .notice").inner_text()


def test_the_camera_takes_a_source(open_server: Running, visit: Open) -> None:
    opened = visit(open_server)
    opened.choose("target", ARDERN)
    opened.page.get_by_role("button", name="photograph a source").click()
    opened.page.get_by_role("button", name="Take the photo").click(timeout=20_000)
    opened.page.locator("#source .notice").wait_for(timeout=60_000)  # the camera of a test shows no face
    assert "source.jpg: No face was found." in opened.page.locator("#source .notice").inner_text()


def noise(width: int, height: int) -> bytes:
    pixels = np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8)
    return encode(Pil.fromarray(pixels), "JPEG", quality=100)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("notes.jpg", b"Dear all, ...", "This is not a photo. Choose a JPEG or PNG file."),
        ("IMG_1.HEIC", b"\0\0\0\x18ftypheic\0\0\0\0", "This is a HEIC photo, which the service does not accept."),
        ("b.webp", b"RIFF\0\0\0\0WEBPVP8 ", "This is a WebP picture. Save it as JPEG or PNG"),
        ("empty.jpg", b"", "The file is empty."),
        ("small.png", encode(gradient(79, 200)), "79 × 200 pixels; the service needs at least 80"),
        ("cut.jpg", encode(gradient(), "JPEG")[:300], "This photo is damaged or cut short."),
        ("large.jpg", noise(2100, 1500), "MiB; the service accepts 5 MiB in a request."),
        ("wall.png", encode(gradient(300, 300)), "No face was found. Choose a photo in which a face is larger"),
    ],
)
def test_a_photo_that_cannot_be_compared_is_explained(
    open_server: Running, visit: Open, name: str, data: bytes, words: str
) -> None:
    opened = visit(open_server)
    opened.choose("target", ARDERN)
    opened.choose("source", file(name, data))
    trouble = opened.page.locator("#source .notice")
    trouble.wait_for(timeout=60_000)
    assert trouble.inner_text().startswith(f"{name}: ")
    assert words in trouble.inner_text()
    assert opened.page.locator("#result").is_hidden()
    opened.page.locator("#source .remove").click() if opened.page.locator("#source .remove").count() else None
    opened.choose("source", ARDERN_LATER)  # and then it works
    opened.answered()
    assert trouble.count() == 0


def test_a_target_without_a_face_is_named(open_server: Running, visit: Open) -> None:
    opened = visit(open_server)
    opened.choose("source", ARDERN)
    opened.choose("target", file("wall.png", encode(gradient(300, 300)), "image/png"))
    opened.page.locator("#target .notice").wait_for(timeout=60_000)
    assert "wall.png: No face was found." in opened.page.locator("#target .notice").inner_text()


def test_a_server_that_is_gone_is_explained_and_can_be_tried_again(open_server: Running, visit: Open) -> None:
    opened = visit(open_server)
    opened.context.route("**/*", lambda route: route.abort())
    opened.choose("source", ARDERN)
    opened.choose("target", ARDERN_LATER)
    opened.page.locator("#trouble .notice").wait_for()
    assert "The server does not answer." in opened.page.locator("#trouble").inner_text()
    opened.context.unroute("**/*")
    opened.page.get_by_role("button", name="Try again").click()
    opened.answered()
    opened.complaints[:] = [text for text in opened.complaints if "ERR_FAILED" not in text]  # the browser's own lines


def test_a_busy_server_is_explained(open_server: Running, visit: Open) -> None:
    opened = visit(open_server)
    busy = {"status": 400, "body": '{"__type":"ThrottlingException","Message":"Slow down"}'}
    opened.context.route("**/*", lambda route: route.fulfill(**busy))
    opened.choose("source", ARDERN)
    opened.choose("target", ARDERN_LATER)
    opened.page.locator("#trouble .notice").wait_for()
    assert "The server is busy. Wait a moment, and try again." in opened.page.locator("#trouble").inner_text()


def test_everything_can_be_done_with_the_keyboard(open_server: Running, visit: Open) -> None:
    opened = visit(open_server)
    keyboard = opened.page.keyboard

    def tab_to(selector: str) -> None:
        for _ in range(60):
            keyboard.press("Tab")
            if opened.page.evaluate("(s) => document.activeElement.matches(s)", selector):
                return
        raise AssertionError(f"Tab does not reach {selector}")

    tab_to("#examples button:nth-of-type(3)")
    keyboard.press("Enter")
    opened.answered()
    tab_to("#threshold")
    keyboard.press("Home")
    opened.says("4 matches")
    tab_to("#faces li")
    for key, face in (("ArrowDown", "Face 2"), ("End", "Face 4"), ("ArrowUp", "Face 3"), ("Home", "Face 1")):
        keyboard.press(key)
        assert opened.page.locator("#details-title").inner_text() == face
    tab_to("[role=tab]")
    keyboard.press("ArrowRight")
    assert opened.page.locator("#code-text").inner_text().startswith("aws rekognition compare-faces")
    tab_to("#copy")


def test_a_phone_shows_everything_in_its_width(open_server: Running, visit: Open) -> None:
    opened = compared(visit(open_server, viewport={"width": 390, "height": 844}), ARDERN, GROUP)
    assert opened.page.evaluate("document.documentElement.scrollWidth") == 390
    source, target = (opened.page.locator(f"#{role}").bounding_box() for role in ("source", "target"))
    assert source is not None
    assert target is not None
    assert target["y"] > source["y"] + source["height"]
    assert source["width"] > 340


def test_a_dark_scheme_has_a_dark_ground(open_server: Running, visit: Open) -> None:
    opened = visit(open_server, color_scheme="dark")
    assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 28)"


def test_a_large_photo_is_sent_as_it_is_and_only_shown_smaller(open_server: Running, visit: Open) -> None:
    with Pil.open(ARDERN) as image:
        large = encode(image.resize((2864, 3600)), "JPEG", quality=80)
    opened = visit(open_server)
    bodies: list[str] = []
    opened.page.on("request", lambda request: bodies.append(request.post_data or ""))
    opened.choose("source", file("large.jpg", large))
    opened.choose("target", ARDERN_LATER)
    opened.answered()
    assert base64.b64decode(json.loads(next(filter(None, bodies)))["SourceImage"]["Bytes"]) == large
    assert opened.page.evaluate("document.querySelector('#source canvas').height") == 1600
    assert opened.page.locator("#source .size").inner_text() == "2864 × 3600"


def test_nothing_is_left_after_a_reload(open_server: Running, visit: Open) -> None:
    opened = compared(visit(open_server), ARDERN, ARDERN_LATER)
    opened.page.reload()
    assert opened.page.locator("figure").count() == 0
    assert opened.page.locator("#result").is_hidden()


def test_a_hundred_faces_are_numbered_and_listed(open_server: Running, visit: Open) -> None:
    opened = visit(open_server)
    opened.choose("source", OBAMA)
    opened.choose("target", crowd())
    opened.answered()
    count = opened.page.locator("#faces li").count()
    assert count >= 95  # most of the small copies are found
    assert opened.page.locator("#target .face").count() == count
    assert f"{count} faces in the target" == opened.page.locator("#faces-title").inner_text()
