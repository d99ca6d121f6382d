"""The page's files: all of them ship, they name no other host, and they say of a similarity what the server would."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from importlib.resources import as_file, files

import pytest

from visavis.calibration import load_calibration
from visavis.similarity_scale import PROMISED_FMR, SIMILARITY_SCALE

FILES = files("visavis.server.page") / "files"
TEXTS = {item.name: item.read_text("utf-8") for item in FILES.iterdir() if not item.name.endswith(".jpg")}
NODE = shutil.which("node")


def test_every_file_that_the_page_names_ships() -> None:
    named = set(re.findall(r'(?:src|href)="page/([^"]+)"', TEXTS["index.html"]))
    for name, text in TEXTS.items():
        if name.endswith(".js"):
            named |= set(re.findall(r'(?:from |import\()"\./([^"]+)"', text))
    for examples in re.findall(r'data-(?:sources|target)="([^"]+)"', TEXTS["index.html"]):
        named |= {f"{example}.jpg" for example in examples.split()}
    assert named | {"index.html"} == {item.name for item in FILES.iterdir()}


@pytest.mark.parametrize("name", sorted(TEXTS))
def test_no_file_names_another_host_or_writes_markup(name: str) -> None:
    text = TEXTS[name].replace("http://www.w3.org/2000/svg", "")  # a name, which nothing fetches
    assert not re.search(r"https?://|//[a-z0-9-]+\.[a-z]", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|Storage|cookie", text)
    assert not re.search(r"<[^>]+\son[a-z]+=|<[^>]+\sstyle=|<style|<script(?![^>]*\ssrc=)", text)


@pytest.mark.skipif(NODE is None, reason="there is no node to run the page's modules")
@pytest.mark.parametrize("similarity", [0.0, 0.4, 1.0, 5.5, 10.0, 33.3, 79.99, 80.0, 88.0, 97.5, 99.0, 100.0])
def test_the_page_has_the_false_match_rate_of_the_calibration(similarity: float) -> None:
    scale = [[s, fmr] for s, fmr in SIMILARITY_SCALE if s <= max(PROMISED_FMR)]
    with as_file(FILES / "scale.js") as path:
        program = (
            f"import {{ falseMatchRate }} from {json.dumps(path.as_uri())};"
            f"console.log(falseMatchRate({json.dumps(scale)}, {similarity}));"
        )
        done = subprocess.run([str(NODE), "--input-type=module", "-e", program], capture_output=True, text=True)
    assert float(done.stdout) == pytest.approx(load_calibration().false_match_rate(similarity), rel=1e-9)
