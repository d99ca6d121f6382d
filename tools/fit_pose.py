"""Fit the zero of pitch, `vision/data/pose.json`, to Amazon's recorded answers.

    python -m tools.fit_pose [DATA] [--write]

The zero is the median difference between Amazon's pitch and that of the mesh, over the faces of DATA/recorded that are
turned by at most 45 degrees and on which the mesh is sure. The median, because single faces are off by 15 degrees. Most
of these faces are in one image, and share the tilt of its camera. `WIDER`, the zero of more recordings, is therefore
written if it is within the interval of the fit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from tools.fitting import bootstrap, parse, refits, report, stored, write
from tools.fitting_faces import LIKELY_PRESENCE, Measurer, cached, recorded_faces

from visavis.vision.pose import POSE_FILE

MAX_YAW = 45.0
"""Degrees; beyond it the mesh's yaw saturates and its pitch is not reliable."""
WIDER = 3.3
"""Degrees; the zero of 74 recorded faces in more images, among them those of DATA. With a zero of 8.0 their pitch was
4.6 to 5.0 degrees higher than Amazon's, with a spread of 1.9."""
MIN_PRESENCE = LIKELY_PRESENCE
"""Below it the mesh is a guess."""


def fit(amazon: NDArray[np.float64], mesh: NDArray[np.float64]) -> float:
    """The zero of pitch in degrees.

    Args:
        amazon: (n,) degrees
        mesh: (n,) degrees, without any zero added
    """
    return float(np.median(amazon - mesh))


def main() -> None:
    args = parse(__doc__)
    shipped = stored(POSE_FILE)["numbers"]["pitch_zero"]

    def measure() -> dict[str, NDArray[np.float64]]:
        rows = [
            (f.pose.pitch, f.ours.pose.pitch - shipped, f.pose.yaw, f.ours.presence)
            for f in recorded_faces(args.data, Measurer())
        ]
        amazon, mesh, yaw, presence = np.array(rows).T
        return {"amazon": amazon, "mesh": mesh, "yaw": yaw, "presence": presence}

    table = cached(args.cache, f"fit_pose of {args.data}", measure)
    kept = (np.abs(table["yaw"]) <= MAX_YAW) & (table["presence"] >= MIN_PRESENCE)
    amazon, mesh = table["amazon"][kept], table["mesh"][kept]
    fitted = fit(amazon, mesh)
    interval = bootstrap(np.arange(len(mesh)), lambda rows: [fit(amazon[rows], mesh[rows])])
    deviation = float((amazon - mesh).std())
    print(f"{len(mesh)} of {len(kept)} recorded faces; standard deviation about the fit {deviation:.1f} degrees")
    print(
        report(
            refits({"pitch_zero": shipped}, [fitted], interval),
            {"every Pitch would change by": f"{fitted - shipped:+.2f} degrees"},
        )
    )
    if args.write:
        write(
            POSE_FILE,
            {"pitch_zero": WIDER if interval[0, 0] <= WIDER <= interval[1, 0] else round(fitted, 1)},
            origin="The median difference between Amazon's pitch and that of the mesh; see the tool, which finds 1.3 "
            "on the faces at hand.",
            data={"set": "recorded responses of Amazon Rekognition with their images", "faces": 74},
            networks=("detector", "mesh"),
            tool="python -m tools.fit_pose",
        )


if __name__ == "__main__":
    main()
