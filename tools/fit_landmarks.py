"""Fit where the landmarks lie on the mesh, `vision/data/landmarks.json`.

    python -m tools.fit_landmarks [DATA] [--write]

For each landmark the tool searches all 468 vertices, and all blends of two of the best 30, for the place nearest to
Amazon's point (root mean square) over the faces of DATA/recorded. A landmark on the left and its partner on the right
are searched together: the partner has the mirrored vertices and the same weights, and landmarks on the middle line are
searched alone.

A blend of two vertices is kept only where it is better than the best single vertex by `MIN_GAIN`, because blends fit
noise. With `--write` only those landmarks change whose new place is better on 97.5 % of bootstrap draws of faces.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tools.fitting import parse, stored, write
from tools.fitting_faces import Measurer, Table, cached, recorded_faces

from visavis.geometry import level_axes
from visavis.vision.landmarks import LANDMARKS_FILE
from visavis.vision.pose import mean_face

Floats = NDArray[np.float64]
Place = tuple[tuple[int, float], ...]

MIN_GAIN = 0.1
"""Part of the best single vertex's error that a blend has to save."""
BEST = 30
REPLICATES = 200
MIDDLE = ("nose", "mouthUp", "mouthDown", "chinBottom")


@dataclass(frozen=True, slots=True)
class Search:
    """A landmark, or a left one with its partner on the right.

    names:   of one or two landmarks
    meshes:  (m, 468, 2), in interocular distances, mirrored for the right one
    targets: (m, 2), Amazon's points in the same frames
    faces:   (m,) the face of each row
    """

    names: tuple[str, ...]
    meshes: Floats
    targets: Floats
    faces: NDArray[np.intp]


def partner_name(name: str) -> str:
    """The landmark on the other side.

    Example:
        >>> partner_name("leftEyeBrowRight"), partner_name("mouthLeft")
        ('rightEyeBrowLeft', 'mouthRight')
    """
    for one, other in (("left", "right"), ("Left", "Right")):
        name = name.replace(one, "?").replace(other, one).replace("?", other)
    return name


def mirror_vertices() -> NDArray[np.intp]:
    """(468,) the vertex on the other side of each, read off the symmetrical mean face."""
    mean = mean_face()
    return np.asarray(np.linalg.norm(mean[:, None] - (mean * [-1, 1, 1])[None], axis=2).argmin(axis=1))


def errors(place: Place, search: Search) -> Floats:
    """(m,) squared distances of a place of the mesh from the targets."""
    points = sum(weight * search.meshes[:, vertex] for vertex, weight in place)
    return np.asarray(((points - search.targets) ** 2).sum(axis=1))


def fit(search: Search) -> Place:
    """The vertex, or the blend of two, that is nearest to the targets."""
    offsets = search.meshes - search.targets[:, None]
    single = (offsets**2).sum(axis=2).mean(axis=0)
    best = np.argsort(single)[:BEST]
    place: Place = ((int(best[0]), 1.0),)
    lowest = (1 - MIN_GAIN) ** 2 * float(single[best[0]])
    for i, one in enumerate(best):
        for other in best[i + 1 :]:
            a, b = offsets[:, one], offsets[:, other]
            difference = a - b
            weight = float(-(b * difference).sum() / max(float((difference**2).sum()), 1e-12))
            weight = round(min(max(weight, 0.0), 1.0), 2)
            error = float(((weight * a + (1 - weight) * b) ** 2).sum(axis=1).mean())
            if error < lowest and 0 < weight < 1:
                lowest, place = error, ((int(one), weight), (int(other), round(1 - weight, 2)))
    return place


def better_on(shipped: Place, fitted: Place, search: Search, *, seed: int = 1) -> float:
    """The part of bootstrap draws of faces on which `fitted` is nearer to the targets than `shipped`."""
    gain = errors(shipped, search) - errors(fitted, search)
    by_face = np.bincount(search.faces, gain)
    drawn = np.random.default_rng(seed).integers(0, len(by_face), (REPLICATES, len(by_face)))
    return float((by_face[drawn].sum(axis=1) > 0).mean())


def searches(names: list[str], meshes: Floats, targets: Mapping[str, Floats]) -> list[Search]:
    """What is searched together.

    Args:
        names: of the landmarks that lie on the mesh
        meshes: (n, 468, 2), levelled, in interocular distances
        targets: Amazon's points, (n, 2) each, in the same frames
    """
    faces, partner = np.arange(len(meshes)), mirror_vertices()
    flip = np.array([-1.0, 1.0])
    mirrored = meshes[:, partner] * flip
    found = [Search((name,), meshes, targets[name], faces) for name in names if name in MIDDLE]
    for name in names:
        other = partner_name(name)
        if name not in MIDDLE and names.index(name) < names.index(other):
            found.append(
                Search(
                    (name, other),
                    np.concatenate([meshes, mirrored]),
                    np.concatenate([targets[name], targets[other] * flip]),
                    np.concatenate([faces, faces]),
                )
            )
    return found


def places_of(search: Search, place: Place, partner: NDArray[np.intp]) -> dict[str, Place]:
    """The place of each landmark of a search."""
    both = (place, tuple((int(partner[vertex]), weight) for vertex, weight in place))
    return dict(zip(search.names, both, strict=False))


def main() -> None:
    args = parse(__doc__)
    shipped = {
        name: tuple((int(vertex), float(weight)) for vertex, weight in place)
        for name, place in stored(LANDMARKS_FILE)["numbers"]["places"].items()
    }
    names = list(shipped)

    def measure() -> Table:
        faces = [f for f in recorded_faces(args.data, Measurer()) if len(f.landmarks) == 30 and f.ours.presence > 0]
        meshes, targets = [], []
        for face in faces:
            left, right = face.ours.pupils
            frame = level_axes(left, right) / np.hypot(*(right - left))
            points = np.array([face.landmarks[name] for name in names])
            # Amazon's points are a rigid template that is off by some hundredths; the eyes bring both together.
            amazons = (face.landmarks["eyeLeft"] + face.landmarks["eyeRight"]) / 2
            meshes.append((face.ours.mesh[:, :2] - (left + right) / 2) @ frame.T)
            targets.append((points - amazons) @ frame.T)
        return {"meshes": np.array(meshes), "targets": np.array(targets)}

    table = cached(args.cache, f"fit_landmarks of {args.data}", measure)
    targets = {name: table["targets"][:, i] for i, name in enumerate(names)}
    partner = mirror_vertices()
    new = dict(shipped)
    print(f"{len(table['meshes'])} recorded faces; errors are root mean squares in interocular distances")
    print(f"{'landmark':20}{'shipped':>24}{'error':>8}{'fitted':>26}{'error':>8}   better on   moves by")
    for search in searches(names, table["meshes"], targets):
        old, place = shipped[search.names[0]], fit(search)
        rms = [float(np.sqrt(errors(p, search).mean())) for p in (old, place)]
        moves = float(np.median(np.hypot(*moved(old, place, search).T)))
        share = better_on(old, place, search)
        print(
            f"{search.names[0]:20}{shown(old):>24}{rms[0]:8.3f}{shown(place):>26}{rms[1]:8.3f}"
            f"{100 * share:10.1f} %   {moves:.3f}"
        )
        if share >= 0.975:
            new |= places_of(search, place, partner)
    changed = sum(new[name] != shipped[name] for name in names)
    print(f"{changed} of {len(names)} landmarks would change: the new place is better on 97.5 % of the draws")
    if args.write:
        write(
            LANDMARKS_FILE,
            {"places": new},
            origin="Vertices and blends nearest to Amazon's points; see the tool. Landmarks that it does not improve "
            "on 97.5 % of bootstrap draws keep their place.",
            data={"set": "recorded responses of Amazon Rekognition with their images", "faces": len(table["meshes"])},
            networks=("detector", "mesh"),
            tool="python -m tools.fit_landmarks",
        )


def moved(old: Place, new: Place, search: Search) -> Floats:
    """(m, 2) from the old place to the new one."""
    points = [sum(weight * search.meshes[:, vertex] for vertex, weight in place) for place in (old, new)]
    return np.asarray(points[1] - points[0])


def shown(place: Place) -> str:
    return " + ".join(f"{weight:g}*{vertex}" for vertex, weight in place)


if __name__ == "__main__":
    main()
