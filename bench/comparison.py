"""Measures one comparison and its floor, by size of the images, number of faces, attributes and threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.floor import Floor
from bench.images import enlarged, group, photo
from bench.instruction_sets import instruction_sets
from bench.results import save, table
from bench.timing import Times, interleaved, ratio
from visavis.api.response import DETAIL, FieldSet
from visavis.compare_options import CompareOptions
from visavis.runtime import open_engine
from visavis.settings import Settings

FACES = "{} faces in 2 Mpx"


def run(data: Path | None) -> None:
    del data
    portraits = photo("ardern_2018"), photo("ardern_2022")
    cases = {"two portraits, 0.65 Mpx": portraits}
    for megapixels in (0.5, 2, 12, 36):
        cases[f"two of {megapixels:g} Mpx"] = enlarged("ardern_2018", megapixels), enlarged("ardern_2022", megapixels)
    for faces in (1, 5, 20, 100):
        cases[FACES.format(faces)] = photo("obama"), group(faces)
    print("instructions: " + ", ".join(f"{name} {used}" for name, used in instruction_sets().items()))
    rows, figures = [], []
    taken: dict[tuple[str, FieldSet], Mapping[str, Times]] = {}
    floor = Floor()
    with ExitStack() as stack:
        engines = {n: stack.enter_context(open_engine(replace(Settings.from_env(), threads=n))) for n in (1, 2)}
        for name, (source, target) in cases.items():
            for attributes, detail in DETAIL.items():
                options = CompareOptions(0.0, detail=detail)
                ways: dict[str, Callable[[], object]] = {
                    "floor": floor.for_pair(source, target, detail),
                    "one": partial(engines[1].compare, source, target, options),
                    "two": partial(engines[2].compare, source, target, options),
                }
                times = interleaved(ways, rounds=25, seconds=12)
                taken[name, attributes] = times
                over_floor, two_threads = ratio(times["one"], times["floor"]), ratio(times["two"], times["one"])
                rows.append([name, attributes.value, *(times[way].ms for way in ways), over_floor, two_threads])
                figures.append({
                    "case": name, "attributes": attributes.value, "over_floor": over_floor, "two_threads": two_threads,
                    "faces": len(engines[1].compare(source, target, options).matches),
                    **{way: each.as_json() for way, each in times.items()},
                })  # fmt: skip
                print(f"  {name}, {attributes.value}: {times['one'].ms:.1f} ms", flush=True)
    table(["ms", "attributes", "floor", "one thread", "two", "one / floor", "two / one"], rows)
    per_further_face = {attributes.value: per_face(taken, attributes) for attributes in DETAIL}
    for name, (ours, floor_ms) in per_further_face.items():
        print(f"each further face, {name}: {ours:.1f} ms, floor {floor_ms:.1f} ms, ratio {ours / floor_ms:.2f}")
    save("comparison", {"comparisons": figures, "further_face_ms": per_further_face})


def per_face(taken: Mapping[tuple[str, FieldSet], Mapping[str, Times]], attributes: FieldSet) -> tuple[float, float]:
    """Milliseconds for each of the last 80 of 100 faces, measured and by the floor."""
    few, many = (taken[FACES.format(n), attributes] for n in (20, 100))
    ours, floor_ms = ((many[way].ms - few[way].ms) / 80 for way in ("one", "floor"))
    return ours, floor_ms
