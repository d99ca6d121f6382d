"""Measures images that cost the most, as multiples of a portrait."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.images import crowd, enlarged, group, noise, photo
from bench.results import save, table
from bench.timing import interleaved, ratio
from visavis.face import Detail
from visavis.runtime import open_engine
from visavis.settings import Settings

IMAGES: dict[str, Callable[[], bytes]] = {
    "portrait": partial(photo, "obama"),
    "portrait of 36 megapixels": partial(enlarged, "ardern_2022", 36),
    "100 faces": partial(group, 100),
    "2,700 faces of 50 pixels": partial(crowd, 2700),
    "2,700 of 50 pixels, each turned": partial(crowd, 2700, turned=True),
    "2,700 of 50 pixels, turned, in strong noise": partial(crowd, 2700, turned=True, noise=25),
    "9,500 of 26 pixels, each turned": partial(crowd, 9500, cell=30, turned=True),
    "300 of 170 pixels, each turned": partial(crowd, 300, cell=180, turned=True),
    "noise of 12 megapixels": partial(noise, 4000, 3000),
}


def run(data: Path | None) -> None:
    del data
    rows, figures = [], []
    with open_engine(replace(Settings.from_env(), threads=1)) as engine:
        for name, make in IMAGES.items():
            image = make()
            found = engine.analyze(image)
            ways: dict[str, Callable[[], object]] = {
                "portrait": partial(engine.analyze, photo("obama")),
                **{detail.value: partial(engine.analyze, image, detail=detail) for detail in Detail},
            }
            times = interleaved(ways, rounds=3, seconds=60, warm=0)
            print(f"  {name}: {len(found.faces)} faces, {times[Detail.ALL.value].ms:.0f} ms", flush=True)
            most = max((times[detail.value] for detail in Detail), key=lambda each: each.ms)
            rows.append([name, len(found.faces), most.ms, ratio(most, times["portrait"])])
            figures.append({"image": name, "faces": len(found.faces), "ms": most.ms, "portraits": rows[-1][-1]})
    table(["one image on one thread", "faces", "ms", "portraits"], rows)
    save("worst", figures)
