"""Fit where the landmarks lie on the mesh, `vision/data/landmarks.json`.

    python -m tools.fit_landmarks [DATA] [--write]

For each landmark the tool searches all 468 vertices, and all blends of two of the best 30, for the place with the
lowest cost over the faces of DATA/recorded: the mean square of the distance from Amazon's point, plus `BIAS_WEIGHT`
times the square of the mean offset. A landmark on the left and its partner on the right are searched together: the
partner has the mirrored vertices and the same weights. Landmarks on the middle line, and those of nose and jaw, where
Amazon's template is not symmetrical, are searched alone.

Amazon's mouth does not open with the face's: its landmarks keep their distances, whatever the lips do. visavis marks
the lips where they are, so the landmarks of the mouth are searched on faces with a closed mouth only.

A blend of two vertices is kept only where it is better than the best single vertex by `MIN_GAIN`, because blends fit
noise, and only of vertices that are at most `MAX_APART`. With `--write` only those landmarks change whose new place
costs less on four of five bootstrap draws of faces.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tools.fitting import parse, stored, write
from tools.fitting_faces import Measurer, Table, cached, recorded_faces

from visavis.face_mesh import LOWER_INNER_LIP, UPPER_INNER_LIP
from visavis.geometry import level_axes
from visavis.mean_face import mean_face
from visavis.vision.landmarks import LANDMARKS_FILE

Floats = NDArray[np.float64]
Place = tuple[tuple[int, float], ...]

MIN_GAIN = 0.05
"""Part of the best single vertex's error that a blend has to save."""
BIAS_WEIGHT = 4.0
"""How much more the mean offset counts than the same offset of a single face, because a bias adds up over faces."""
BEST = 30
ADOPTED = 0.8
"""The part of bootstrap draws on which a new place must cost less."""
REPLICATES = 200
CLOSED = 0.1
"""A mouth is closed if the inner lips are less than this apart, in interocular distances."""
MAX_APART = 0.5
"""Interocular distances between two blended vertices on the mean face. Farther ones do not move together."""
ALONE = ("nose", "noseLeft", "noseRight", "mouthUp", "mouthDown", "chinBottom", "upperJawlineLeft", "upperJawlineRight",
         "midJawlineLeft", "midJawlineRight")  # fmt: skip


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


def offsets(place: Place, search: Search) -> Floats:
    """(m, 2) from the targets to a place of the mesh."""
    points = sum(weight * search.meshes[:, vertex] for vertex, weight in place)
    return np.asarray(points - search.targets)


def cost(rows: Floats) -> Floats:
    """The cost of offsets (..., m, 2): their mean square, and that of their mean."""
    return np.asarray((rows**2).sum(axis=-1).mean(axis=-1) + BIAS_WEIGHT * (rows.mean(axis=-2) ** 2).sum(axis=-1))


def fit(search: Search) -> Place:
    """The vertex, or the blend of two, with the lowest cost."""
    every = np.moveaxis(search.meshes - search.targets[:, None], 0, 1)
    single = cost(every)
    best = np.argsort(single)[:BEST]
    mean = mean_face()
    place: Place = ((int(best[0]), 1.0),)
    lowest = (1 - MIN_GAIN) ** 2 * float(single[best[0]])
    for i, one in enumerate(best):
        for other in best[i + 1 :]:
            if np.linalg.norm(mean[one] - mean[other]) > MAX_APART:
                continue
            a, b = every[one], every[other]
            # The cost of b + weight * (a - b) is a quadratic polynomial.
            difference = a - b
            curvature = float(cost(difference))
            slope = (float(cost(a)) - float(cost(b)) - curvature) / 2
            weight = round(min(max(-slope / max(curvature, 1e-12), 0.0), 1.0), 2)
            error = float(cost(weight * a + (1 - weight) * b))
            if error < lowest and 0 < weight < 1:
                lowest, place = error, ((int(one), weight), (int(other), round(1 - weight, 2)))
    return place


def better_on(shipped: Place, fitted: Place, search: Search, *, seed: int = 1) -> float:
    """The part of bootstrap draws of faces on which `fitted` has a lower cost than `shipped`."""
    old, new = (offsets(place, search)[np.argsort(search.faces, kind="stable")] for place in (shipped, fitted))
    faces = len(np.unique(search.faces))
    drawn = np.random.default_rng(seed).integers(0, faces, (REPLICATES, faces))
    old_cost, new_cost = (cost(rows.reshape(faces, -1, 2)[drawn].reshape(REPLICATES, -1, 2)) for rows in (old, new))
    return float((new_cost < old_cost).mean())


def searches(names: list[str], meshes: Floats, targets: Mapping[str, Floats]) -> list[Search]:
    """What is searched together.

    Args:
        names: of the landmarks that lie on the mesh
        meshes: (n, 468, 2), levelled, in interocular distances
        targets: Amazon's points, (n, 2) each, in the same frames
    """
    partner, flip = mirror_vertices(), np.array([-1.0, 1.0])
    mirrored = meshes[:, partner] * flip
    closed = np.flatnonzero(mouth_opening(meshes) < CLOSED)
    found = []
    for name in names:
        used = closed if name.startswith("mouth") else np.arange(len(meshes))
        other = partner_name(name)
        if name in ALONE:
            found.append(Search((name,), meshes[used], targets[name][used], np.arange(len(used))))
        elif names.index(name) < names.index(other):
            found.append(
                Search(
                    (name, other),
                    np.concatenate([meshes[used], mirrored[used]]),
                    np.concatenate([targets[name][used], targets[other][used] * flip]),
                    np.tile(np.arange(len(used)), 2),
                )
            )
    return found


def mouth_opening(meshes: Floats) -> Floats:
    """(n,) the distance of the inner lips, in the unit of the meshes (n, 468, 2)."""
    upper, lower = (meshes[:, lips].mean(axis=1) for lips in (UPPER_INNER_LIP, LOWER_INNER_LIP))
    return np.asarray(np.hypot(*(lower - upper).T))


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
            meshes.append((face.ours.mesh[:, :2] - (left + right) / 2) @ frame.T)
            targets.append((points - (left + right) / 2) @ frame.T)
        return {"meshes": np.array(meshes), "targets": np.array(targets)}

    table = cached(args.cache, f"fit_landmarks of {args.data}", measure)
    targets = {name: table["targets"][:, i] for i, name in enumerate(names)}
    partner = mirror_vertices()
    new = dict(shipped)
    print(f"{len(table['meshes'])} recorded faces; errors are root mean squares in interocular distances")
    print(f"{'landmark':20}{'shipped':>24}{'error':>8}{'fitted':>26}{'error':>8}   better on   moves by")
    for search in searches(names, table["meshes"], targets):
        old, place = shipped[search.names[0]], fit(search)
        rms = [float(np.sqrt((offsets(p, search) ** 2).sum(axis=1).mean())) for p in (old, place)]
        moves = float(np.median(np.hypot(*(offsets(place, search) - offsets(old, search)).T)))
        share = better_on(old, place, search)
        print(
            f"{search.names[0]:20}{shown(old):>24}{rms[0]:8.3f}{shown(place):>26}{rms[1]:8.3f}"
            f"{100 * share:10.1f} %   {moves:.3f}"
        )
        if share >= ADOPTED:
            new |= places_of(search, place, partner)
    changed = sum(new[name] != shipped[name] for name in names)
    print(f"{changed} of {len(names)} landmarks would change: the new place costs less on four of five draws")
    if args.write:
        write(
            LANDMARKS_FILE,
            {"places": new},
            origin="Vertices and blends nearest to Amazon's points; see the tool. Landmarks that it does not improve "
            "on four of five bootstrap draws keep their place.",
            data={"set": "recorded responses of Amazon Rekognition with their images", "faces": len(table["meshes"])},
            networks=("detector", "mesh"),
            tool="python -m tools.fit_landmarks",
        )


def shown(place: Place) -> str:
    return " + ".join(f"{weight:g}*{vertex}" for vertex, weight in place)


if __name__ == "__main__":
    main()
