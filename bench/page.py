"""Measures the web page in a browser: its weight, its first paint, and a frame of the slider with 100 faces."""

from __future__ import annotations

import statistics
from pathlib import Path

from playwright.sync_api import Page
from tools.browser import Visit, browsing, crowd

from bench.results import save, table
from bench.server import server

ROOT = Path(__file__).parents[1]
PHOTOS = ROOT / "examples" / "photos"
LOADS = 20
FRAMES = 200

ENTRIES = "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
# A frame: from the callback of requestAnimationFrame, in which the page applies the threshold, until style and layout
# are done as well. What follows, the painting, is not in the page's hands, and here it is done without a GPU.
SLIDER = """async (frames) => {
  const slider = document.querySelector("#threshold");
  const request = window.requestAnimationFrame;
  const times = [];
  window.requestAnimationFrame = (callback) => request((time) => {
    const began = performance.now();
    callback(time);
    document.body.offsetHeight;
    times.push(performance.now() - began);
  });
  for (let i = 0; i < frames; i++) {
    slider.value = (i * 37) % 100;
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise((resolve) => request(() => setTimeout(resolve)));
  }
  window.requestAnimationFrame = request;
  return times;
}"""


def run(data: Path | None) -> None:
    del data
    with server() as endpoint, browsing() as browser:
        cold, warm, weight = [], [], 0
        for _ in range(LOADS):
            visit = Visit(browser, endpoint)
            visit.page.wait_for_load_state("networkidle")
            cold.append(float(visit.page.evaluate(FIRST_PAINT)))
            weight = sum(visit.page.evaluate(f"{ENTRIES}.map((entry) => entry.encodedBodySize)"))
            visit.page.reload()
            visit.page.wait_for_load_state("networkidle")
            warm.append(float(visit.page.evaluate(FIRST_PAINT)))
            visit.context.close()
        visit = Visit(browser, endpoint, viewport={"width": 1280, "height": 900})
        faces = show_crowd(visit)
        frames = slide(visit.page)
    figures = {
        "weight, bytes": weight,
        "first paint in a new process of the browser, ms, median": statistics.median(cold),
        "first paint of a reload, ms, median": statistics.median(warm),
        "first paint of a reload, ms, slowest": max(warm),
        "faces": faces,
        "slider, ms a frame, median": statistics.median(frames),
        "slider, ms a frame, 95th percentile": statistics.quantiles(frames, n=20)[-1],
        "slider, ms a frame, slowest": max(frames),
    }
    table(["figure", "value"], [[name, round(value, 1)] for name, value in figures.items()])
    save("page", figures)


def show_crowd(visit: Visit) -> int:
    """Compare a portrait with a crowd of 108 copies of two, and return the number of faces in the answer."""
    visit.choose("source", PHOTOS / "obama.jpg")
    visit.choose("target", crowd())
    visit.answered()
    return visit.page.locator("#faces li").count()


def slide(page: Page) -> list[float]:
    """Milliseconds of each frame while the threshold moves."""
    return [float(time) for time in page.evaluate(SLIDER, FRAMES)]
