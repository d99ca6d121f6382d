"""The mutants that tools/mutants.py runs. Each changes one place in the code, and tests must notice it."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["GOLDEN_MUTANTS", "MUTANTS", "UNIT_MUTANTS", "Mutant"]

GOLDEN = ("tests/golden/test_pinned_faces.py",)

Mutants = list[tuple[str, str]]


class Mutant(NamedTuple):
    """A change that tests must notice.

    Attributes:
        file: the path below src/visavis.
        old: the text to replace, which occurs exactly once in the file.
        new: the text that replaces it.
        tests: files of tests. At least one of their tests must fail.
    """

    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    @property
    def name(self) -> str:
        return f"{self.file}: {self.old.strip()}  ->  {self.new.strip()}"


def unit(*names: str) -> tuple[str, ...]:
    return tuple(f"tests/unit/test_{name}.py" for name in names)


def of(file: str, tests: tuple[str, ...], changes: Mutants) -> list[Mutant]:
    return [Mutant(file, old, new, tests) for old, new in changes]


BOXES = '"sideways": 0.976,\n  "above": 1.386,\n  "below": 1.005'

# Tests with the real networks on the example images must notice these, even if unit tests do not.
GOLDEN_MUTANTS = [
    *of("vision/data/box.json", GOLDEN, [(BOXES, '"sideways": 0.95,\n  "above": 1.30,\n  "below": 1.00')]),
    *of("vision/data/landmarks.json", GOLDEN, [("[[69, 0.55], [29, 0.45]]", "[[69, 0.40], [29, 0.60]]")]),
    *of("vision/data/pose.json", GOLDEN, [('"pitch_zero": 3.3', '"pitch_zero": 0.0')]),
    *of("vision/iris.py", GOLDEN, [("_MARGIN = 2.3", "_MARGIN = 1.8")]),
    *of("vision/gaze.py", GOLDEN, [("PUPIL_RADIUS = 0.16", "PUPIL_RADIUS = 0.24"), ("_DEPTH = 0.08", "_DEPTH = 0.0")]),
    *of("vision/data/confidence.json", GOLDEN, [('"norm": 11.284', '"norm": 9.0')]),
    *of(
        "face_mesh.py",
        GOLDEN,
        [
            ("CROP_MARGIN = 1.5", "CROP_MARGIN = 1.3"),
            ("= range(1, 8), range(9, 16)", "= range(3, 6), range(11, 14)"),
        ],
    ),
    *of(
        "models/build.py",
        ("tests/golden/test_embedders.py",),
        [
            ("if found != update.weights_sha256:", "if False:"),
            ("if update is not None:", "if False:"),
        ],
    ),
    *of("vision/align.py", ("tests/golden/test_same_answers.py",), [("[56.0252, 71.7366]", "[56.0252, 75.7366]")]),
]

UNIT_MUTANTS = [
    mutant
    for (file, *tests), changes in {
        ("analysis.py", "analysis"): [
            ("MAX_FACES = 100", "MAX_FACES = 101"),
            ("        eyes_open=opened,\n", ""),
            ("        mouth_open=mouth_open(mesh, face.pose),\n", ""),
            (".largest_first(image.size)", ""),
            ("if not faces:", "if not largest_only:"),
            ("limit=MAX_FACES + 1", "limit=MAX_FACES"),
            ("limit=MAX_FACES + 1", "limit=MAX_FACES + 2"),
            ("more=len(faces) > MAX_FACES", "more=len(faces) >= MAX_FACES"),
            ("return Analysis(image.size, faces[:1])", "return Analysis(image.size, faces)"),
            ("(-c.box.area_within(image.size),", "(-c.box.area,"),
            ("(-c.box.area_within(image.size),", "(c.box.area_within(image.size),"),
            ("if confidence >= MIN_CONFIDENCE]", "if confidence >= 0]"),
            ("eyes if read is None else read.pupils", "eyes"),
            (
                "self.pupils(image, meshes[i]) for i in kept if everything}",
                "self.pupils(image, meshes[i]) for i in kept}",
            ),
            ("if everything else face", "if not everything else face"),
            ("range(0, len(items), size)", "range(0, size, size)"),
        ],
        ("candidates.py", "candidates"): [
            ("FIRST_DETECTIONS = 120", "FIRST_DETECTIONS = 160"),
            (", most_doubtful = end, end + limit - faces, 0", " = end, end + limit - faces"),
            ("faces < _LEAST_FACES * end", "False"),
            ("faces >= limit", "False"),
            ("_MAYBE_LARGEST = 0.4", "_MAYBE_LARGEST = 0.9"),
            ("_MAYBE_LARGEST = 0.4", "_MAYBE_LARGEST = 0.2"),
            ("_FEW = 30", "_FEW = 300"),
            ("_DOUBTFUL, _DOUBTFUL_OF_MANY = 8, 3", "_DOUBTFUL, _DOUBTFUL_OF_MANY = 8, 8"),
            ("_deduplicate(candidates + read)", "candidates + read"),
            ("faces = sum(c.embedded is None or", "faces = sum("),
            ("key=lambda c: -c.mesh.presence", "key=lambda c: c.mesh.presence"),
            ("k.box.left < x < k.box.right and", ""),
            ("and k.box.top < y < k.box.bottom", ""),
        ],
        ("face_search.py", "candidates"): [("CROWD = 150", "CROWD = 1500")],
        ("face_search.py", "orientation"): [
            ("UPRIGHT_SCORE = 0.85", "UPRIGHT_SCORE = 0.8"),
            ("UPRIGHT_SCORE = 0.85", "UPRIGHT_SCORE = 0.95"),
            ("PORTRAIT = 0.2", "PORTRAIT = 0.1"),
            ("PORTRAIT = 0.2", "PORTRAIT = 0.3"),
            ("HINT_SCORE = 0.15", "HINT_SCORE = 0.5"),
            ("< 2 * box_side(boxes[i])]", "< 1e9]"),
            ("_MAX_HINTS = 32", "_MAX_HINTS = 0"),
            ("else (0, 1, 2, 3)", "else (0, 1, 2)"),
            ("_LARGE_FACE_PIXELS = 320", "_LARGE_FACE_PIXELS = 1600"),
            ("[math.cos(angle), math.sin(angle)]", "[math.cos(angle), -math.sin(angle)]"),
            ("apply(matrix, found.points), found.scores", "found.points, found.scores"),
            ("corners.min(axis=1), corners.max(axis=1)", "corners[:, 0], corners[:, 2]"),
        ],
        ("orientation.py", "orientation"): [
            ("UPRIGHT_PRESENCE = 17.0", "UPRIGHT_PRESENCE = 16.0"),
            ("UPRIGHT_PRESENCE = 17.0", "UPRIGHT_PRESENCE = 18.5"),
            ("SURE_LOG_ODDS = 6.0", "SURE_LOG_ODDS = 60.0"),
            ("SURE_LOG_ODDS = 6.0", "SURE_LOG_ODDS = 0.0"),
            ("MIN_PRESENCE = 0.0", "MIN_PRESENCE = 5.0"),
            ("MIN_PRESENCE = 0.0", "MIN_PRESENCE = -2.0"),
            ("SAME_ROLL = 12.0", "SAME_ROLL = 90.0"),
            ("PROFILE_YAW = 60.0", "PROFILE_YAW = 45.0"),
            ("PROFILE_YAW = 60.0", "PROFILE_YAW = 80.0"),
            ("_NEIGHBOURHOOD = 2.0", "_NEIGHBOURHOOD = 0.5"),
            ("[:most_doubtful]", ""),
            ("_MAX_READ = 4", "_MAX_READ = 0"),
            ("_MAX_READ = 4", "_MAX_READ = 8"),
            ("2 * points.mean(axis=0) - points", "points"),
            ("range(0, 360, 45)", "range(0, 360, 180)"),
            ("max(readings, key=_log_odds)", "min(readings, key=_log_odds)"),
        ],
        ("face_mesh.py", "mesh"): [
            ("CROP_SIDE = 192", "CROP_SIDE = 96"),
            ("CROP_MARGIN = 1.5", "CROP_MARGIN = 1.3"),
        ],
        ("face_mesh.py", "face_mesh"): [
            ("VERTICES = 468", "VERTICES = 478"),
            ("OUTER_EYE_CORNERS = (33, 263)", "OUTER_EYE_CORNERS = (263, 33)"),
            ("INNER_EYE_CORNERS = (133, 362)", "INNER_EYE_CORNERS = (362, 133)"),
            ("(33, 133), (362, 263)", "(33, 133), (263, 362)"),
            ("(145, 153, 374, 380)", "(145, 374, 153, 380)"),
            ("OUTER_BROWS = (107, 336)", "OUTER_BROWS = (107, 296)"),
        ],
        ("face_mesh.py", "iris"): [("MIN_EYE_WIDTH = 6.0", "MIN_EYE_WIDTH = 8.0")],
        ("face_mesh.py", "openness"): [("= range(1, 8), range(9, 16)", "= range(1, 4), range(9, 12)")],
        ("face_mesh.py", "align"): [
            ("NOSE_TIP, NOSE_BASE = 1, 2", "NOSE_TIP, NOSE_BASE = 6, 2"),
            ("MOUTH_CORNERS = (61, 291)", "MOUTH_CORNERS = (78, 308)"),
            ("(*LEFT_EYE_CORNERS, UPPER_LIDS[0], LOWER_LIDS[0])", "LEFT_EYE_CORNERS"),
            ("(*RIGHT_EYE_CORNERS, UPPER_LIDS[2], LOWER_LIDS[2])", "RIGHT_EYE_CORNERS"),
        ],
        ("geometry.py", "geometry"): [
            ("[axis, [-axis[1], axis[0]]], np", "[axis, [axis[1], axis[0]]], np"),
            ("[axis, [-axis[1], axis[0]]], np", "[axis, [axis[1], -axis[0]]], np"),
            ("linear[0] = -linear[0]", "pass"),
            ("pixels / 2 - linear", "side / 2 - linear"),
            ("pixels / side * _with_perpendicular", "side / pixels * _with_perpendicular"),
        ],
        ("vision/align.py", "align"): [
            ("[NOSE_TIP, *MOUTH_CORNERS]", "[NOSE_TIP, *MOUTH_CORNERS[::-1]]"),
            ("[38.2946, 51.6963]", "[36.2946, 51.6963]"),
            ("[56.0252, 71.7366]", "[56.0252, 73.7366]"),
            ("[41.5493, 92.3655], [70.7299, 92.2041]", "[43.5493, 92.3655], [68.7299, 92.2041]"),
        ],
        ("vision/confidence.py", "confidence", "analysis"): [
            ("MIN_CONFIDENCE = 60.0", "MIN_CONFIDENCE = 50.0"),
            ("-5.0), 12.0)", "-5.0), 17.0)"),
            ("max(presence, -5.0)", "max(presence, 0.0)"),
            ("0.01), 0.99)", "0.01), 0.999)"),
            ("numbers.assumed_norm if norm is None else norm", "norm or 1.0"),
        ],
        ("vision/data/confidence.json", "confidence", "analysis"): [
            ('"assumed_norm": 9.166', '"assumed_norm": 9.0'),
            ('"norm": 11.284', '"norm": 9.0'),
            ("-56.093", "-55.0"),
            ('"score": 1.925', '"score": 1.7'),
            ('"presence": 0.314', '"presence": 0.4'),
            ('"size": 7.796', '"size": 6.0'),
        ],
        ("vision/detect.py", "detect"): [
            ("NMS_THRESHOLD = 0.3", "NMS_THRESHOLD = 0.6"),
            ("NMS_THRESHOLD = 0.3", "NMS_THRESHOLD = 0.2"),
            ("SAME_FACE_IOS = 0.8", "SAME_FACE_IOS = 0.9"),
            ("SAME_FACE_IOS = 0.8", "SAME_FACE_IOS = 0.6"),
            ("MIN_SCORE = 0.6", "MIN_SCORE = 0.5"),
            ("MIN_SCORE = 0.6", "MIN_SCORE = 0.7"),
            ("_BASE, _SMALL, _LARGE = 512, 224, 1280", "_BASE, _SMALL, _LARGE = 448, 224, 1280"),
            ("_BASE, _SMALL, _LARGE = 512, 224, 1280", "_BASE, _SMALL, _LARGE = 512, 320, 1280"),
            ("FINE = 960", "FINE = 1280"),
            ("scores > 0.85", "scores > 0.7"),
            ("sides > 0.15", "sides > 0.05"),
            ("sides < 0.5", "sides < 0.8"),
            ("[cells % (columns >> i), cells // (columns >> i)]", "[cells // (columns >> i), cells % (columns >> i)]"),
            ("np.exp(box[:, 2:]) * stride / 2", "np.exp(box[:, 2:]) * stride"),
            ("found.points * back", "found.points"),
            ("-together.scores", "together.scores"),
            ("np.minimum(box[4], boxes[4])", "np.maximum(box[4], boxes[4])"),
            ("np.clip(self.boxes, 0,", "np.clip(self.boxes, -1e9,"),
        ],
        ("vision/embed.py", "embed"): [
            ("/ max(norm, 1e-12)", "/ 1.0"),
            ("crop[None, :, ::-1]", "crop[None, ::-1]"),
            ("[None, :, ::-1])) / 2", "[None, :, ::-1]))"),
            ("norm if self._norm_is_calibrated else None", "norm"),
            ("vector.setflags(write=False)", "vector.setflags(write=True)"),
        ],
        ("face_measures.py", "face_measures"): [
            ("lower - upper,", "upper - lower,"),
            ("abs(left - right),", "left - right,"),
            ("abs(axes[0, 2]),", "axes[0, 2],"),
            ("down = down - (down @ across) * across", "down = 1.0 * down"),
            ("np.linalg.norm(right - left)), 1e-6)", "np.linalg.norm((right - left)[:2])), 1e-6)"),
        ],
        ("vision/expression.py", "expression"): [
            ("_CLEAR_PROBABILITY = 0.45", "_CLEAR_PROBABILITY = 0.35"),
            ("_CONFUSED_CEILING = 35.0", "_CONFUSED_CEILING = 60.0"),
            ("CENTRAL_SIDE = 144", "CENTRAL_SIDE = 96"),
            ("expression_measures(mesh)[None]", "0 * expression_measures(mesh)[None]"),
            ("* (1 - happy) * (1 - surprised)", "* (1 - happy)"),
            ('"contempt": EmotionType.CALM', '"contempt": EmotionType.DISGUSTED'),
            ("Attribute(value=happy > 0.5,", "Attribute(value=happy > 0.4,"),
        ],
        ("vision/gaze.py", "gaze"): [
            ("PUPIL_RADIUS = 0.16", "PUPIL_RADIUS = 0.2"),
            ("_DEPTH = 0.08", "_DEPTH = 0.0"),
            ("_MAX_ANGLE = 60.0", "_MAX_ANGLE = 75.0"),
            ("_HALF_CONFIDENCE_WIDTH = MIN_EYE_WIDTH", "_HALF_CONFIDENCE_WIDTH = 9.0"),
            ("-_DEPTH * math.cos(pitch)", "_DEPTH * math.cos(pitch)"),
            ("_DEPTH * math.sin(pitch) - numbers", "-_DEPTH * math.sin(pitch) - numbers"),
            ("- numbers.upward", "+ numbers.upward"),
            ("numbers.outward * math.cos(yaw)", "-numbers.outward * math.cos(yaw)"),
            ("pitch=-math.degrees", "pitch=math.degrees"),
            ("else 100 - eyes_open.confidence", "else eyes_open.confidence"),
            ("np.array(widths) @", "np.full(2, sum(widths) / 2) @"),
            ("+ contours[:, CONTOUR_INNER_CORNER]", "+ contours[:, CONTOUR_OUTER_CORNER]"),
            ("[-math.sin(roll), math.cos(roll)]", "[math.sin(roll), math.cos(roll)]"),
        ],
        ("vision/iris.py", "iris"): [
            ("[:, :CONTOUR_POINTS, :2]", "[:, 1 : CONTOUR_POINTS + 1, :2]"),
            ("_MARGIN = 2.3", "_MARGIN = 1.8"),
            ("if min(math.dist", "if max(math.dist"),
            ("_SIDE, mirrored=mirrored", "_SIDE"),
            ("_MARGIN * width, eye_axis", "_MARGIN * width, np.array([1.0, 0.0])"),
            ("[:, :1, :2]", "[:, 1:2, :2]"),
        ],
        ("vision/landmarks.py", "landmarks"): [
            ("placed[L.LEFT_PUPIL] = pupils[0]", "placed[L.LEFT_PUPIL] = pupils[1]"),
            ("np.sqrt((frame.T**2) @ half**2)", "np.abs(frame.T) @ half"),
            ("middle + ((low + high) / 2) @ frame", "middle"),
        ],
        ("vision/data/box.json", "landmarks"): [
            ('"sideways": 0.976', '"sideways": 0.95'),
            ('"above": 1.386', '"above": 1.30'),
            ('"below": 1.005', '"below": 1.00'),
        ],
        ("vision/data/landmarks.json", "landmarks"): [
            ('"mouthLeft": [[61, 1.0]]', '"mouthLeft": [[291, 1.0]]'),
            ("[[221, 0.56], [108, 0.44]]", "[[221, 0.5], [108, 0.5]]"),
            ("[[69, 0.55], [29, 0.45]]", "[[69, 0.3], [29, 0.7]]"),
            ('"leftEyeDown": [[26, 0.52], [161, 0.48]]', '"leftEyeDown": [[159, 1.0]]'),
            ('"chinBottom": [[148, 0.64], [428, 0.36]]', '"chinBottom": [[17, 1.0]]'),
        ],
        ("vision/mesh.py", "mesh"): [
            ("CONVERGED_DEGREES = 4.0", "CONVERGED_DEGREES = 8.0"),
            ("CONVERGED_DEGREES = 4.0", "CONVERGED_DEGREES = 2.0"),
            ("_MAX_READINGS = 6", "_MAX_READINGS = 5"),
            ("in_crop[:, 2] / math.hypot(*crop_matrix[:, 0])", "in_crop[:, 2]"),
            ("float((high - low).max())", "float((high - low).min())"),
            ("float((high - low).max()), 1e-3)", "float((high - low).max()), 0)"),
            ("return abs(float(turn))", "return float(turn)"),
        ],
        ("vision/data/mesh_crop.json", "mesh"): [
            ('"side_by_eyes": 3.8', '"side_by_eyes": 3.4'),
            ('"side_by_mouth": 3.66', '"side_by_mouth": 3.3'),
            ('"down": 0.47', '"down": 0.40'),
            ('"sideways": 0.5', '"sideways": 0.0'),
        ],
        ("vision/data/pose.json", "pose"): [('"pitch_zero": 3.3', '"pitch_zero": 0.0')],
        ("vision/openness.py", "openness"): [
            ("_PITCH_RANGE = (-20.0, 30.0)", "_PITCH_RANGE = (-20.0, 60.0)"),
            ("_PITCH_RANGE = (-20.0, 30.0)", "_PITCH_RANGE = (-35.0, 30.0)"),
            ("_MAX_YAW = 45.0", "_MAX_YAW = 90.0"),
            ("_GAP_OFFSET = 0.01", "_GAP_OFFSET = 0.03"),
            ("value=log_odds >= 0", "value=log_odds > 0"),
            ("math.tanh(abs(log_odds) / 2)", "math.tanh(abs(log_odds))"),
            ("abs(pose.yaw)", "pose.yaw"),
            ("pitch, pitch**2", "pitch, pitch"),
            (
                "n.eyes_pitch * pitch + n.eyes_pitch_squared * squared",
                "n.eyes_pitch_squared * pitch + n.eyes_pitch * squared",
            ),
            ("n.mouth_gap * gap", "n.mouth_yaw * gap"),
        ],
        ("vision/pose.py", "pose"): [
            ("model - model.mean(axis=0)", "model"),
            ("roll = math.degrees", "roll = -math.degrees"),
            ("min(1.0, sin_yaw)", "min(1.0, -sin_yaw)"),
            ("math.atan2(sin_pitch, cos_pitch)", "math.atan2(-sin_pitch, cos_pitch)"),
            ("np.sign(np.linalg.det(u) * np.linalg.det(vt))", "1.0"),
        ],
        ("vision/quality/pixels.py", "quality"): [
            ("_OVAL = (0.26, 0.31)", "_OVAL = (0.36, 0.41)"),
            ("_SIDE = (32, 88)", "_SIDE = (32, 64)"),
            ("_COARSE_WEIGHT = 0.5", "_COARSE_WEIGHT = 0.0"),
            ("_DARK = 10.0", "_DARK = 0.0"),
        ],
        ("vision/quality/score.py", "quality"): [
            ("abs(pose.yaw) - 45", "abs(pose.yaw) - 50"),
            ("-30 - pose.pitch", "-40 - pose.pitch"),
            ("3 * max(20 -", "2 * max(20 -"),
            ("inputs.confidence < 90", "inputs.confidence < 80"),
            ("pixels.sharpness < 15", "pixels.sharpness < 20"),
        ],
        ("vision/data/quality.json", "quality"): [
            ("[15.3948, 3.819]", "[14.3948, 3.819]"),
            ("[15.3948, 3.819]", "[15.3948, 3.5]"),
            ('"AUTO": 50.0', '"AUTO": 45.0'),
            ('"typical_norm": 11.575', '"typical_norm": 12.575'),
            ("-0.6149", "-0.6000"),
            ("0.0447", "0.0500"),
            ("0.0185", "0.0200"),
            ("0.0926", "0.0800"),
            ("-0.0292", "-0.0300"),
            ("-0.042,", "-0.040,"),
            ("0.501", "0.500"),
            ("[0.2571, 0.6933]", "[0.2571, 0.7933]"),
        ],
        ("comparison.py", "comparison"): [
            ("if m.similarity >= threshold)", "if m.similarity > threshold)"),
            ("float(np.float32(threshold))", "float(threshold)"),
            ("key=lambda m: -m.similarity", "key=lambda m: m.similarity"),
            ("key=lambda m: -m.face.visible_area", "key=lambda m: -m.face.box.area"),
            ("(qualities + 5)", "(qualities + 50)"),
            ("mean / np.linalg.norm(mean)", "mean"),
            ("DEFAULT_SIMILARITY_THRESHOLD = float(LOWEST_PROMISED)", "DEFAULT_SIMILARITY_THRESHOLD = 78.0"),
            ("if similarity < DEFAULT_SIMILARITY_THRESHOLD:", "if similarity <= DEFAULT_SIMILARITY_THRESHOLD:"),
            ("band[0] <= match.similarity <= band[1]", "band[0] < match.similarity < band[1]"),
            ("min(1.0, max(-1.0, cosine))", "cosine"),
            ("max(source.quality.score for source", "min(source.quality.score for source"),
            ("(quality, target.quality.score)", "(quality, quality)"),
        ],
        ("similarity_scale.py", "calibration"): [
            ("(97, 1e-5)", "(96, 1e-5)"),
            ("<= fmr <= 1e-3", "<= fmr <= 1e-2"),
            ("min(similarity, max(PROMISED_FMR))", "similarity"),
        ],
        ("calibration.py", "calibration"): [
            ("self.to_json() == other.to_json()", "self.scores is not None"),
            ("if value.is_integer()", "if value > 1"),
            ('.replace("\\n", "\\n ") for', " for"),
            ("(CalibrationMismatch, UnicodeDecodeError)", "UnicodeDecodeError"),
            ("if accuracy != self.accuracy:", "if False:"),
            ("if model_sha256 != self.model_sha256:", "if False:"),
            ("(low, middle) if reached(middle)", "(middle, high) if reached(middle)"),
            ("(np.diff(similarities) >= 0)", "(np.diff(similarities) >= -99)"),
            ("if sources > 1:", "if sources > 2:"),
            ("float(quality_adjusted(cosine, *qualities))", "float(cosine)"),
        ],
        ("cosine_adjustments.py", "calibration"): [
            ("_WHERE_MATCHES_ARE_DECIDED = 0.35", "_WHERE_MATCHES_ARE_DECIDED = 0.9"),
            ("(1 - 1 / sources)", "(1 / sources)"),
            ("np.maximum(full - other, 0))", "np.maximum(full - one, 0))"),
        ],
        ("quality_penalty.json", "calibration"): [
            ('"full_quality": 84.0', '"full_quality": 74.0'),
            ('"full_quality": 84.0', '"full_quality": 94.0'),
            ('"penalty_per_point": 0.0005', '"penalty_per_point": 0.0004'),
        ],
        ("models/weight_update.py", "weight_update"): [
            ("if found != update.sha256:", "if False:"),
            ("weights[name] + difference.reshape(shape)", "weights[name] - difference.reshape(shape)"),
            ("_quantized(up * steps, np.int16)", "_quantized(up, np.int16)"),
            ("in sorted(weights.items())", "in weights.items()"),
            ("{name} {little.dtype.str} {weight.shape}", "{little.dtype.str} {weight.shape}"),
            ("{little.dtype.str} {weight.shape}", "{little.dtype.str}"),
            ("if name not in weights or weights[name].shape != shape:", "if name not in weights:"),
            ("np.where(scale > 0, scale, 1)", "scale + 1e-3"),
        ],
        ("models/manifest.py", "manifest"): [
            ("if base not in models:", "if False:"),
            ('_sha256(update, "weights_sha256", at)', '_sha256(update, "sha256", at)'),
        ],
        ("models/model_file.py", "manifest", "store"): [
            ("return self.sha256 if self.update is None else self.update.weights_sha256", "return self.sha256"),
        ],
        ("models/store.py", "store"): [
            ('f"-{model.update.sha256[:16]}" if model.update else ""', '""'),
            ("{model.file: model for model in shipped}.values()", "shipped"),
            ("shipped_update(update)", "pass"),
        ],
        ("batch/comparing.py", "batch_comparing"): [
            ("if row.fault is None]", "if True]"),
            ("for at in (row.source, row.target) if images.claim(at)", "for at in (row.source, row.target)"),
            ("row.threshold != options.similarity_threshold", "row.threshold > options.similarity_threshold"),
            ("list(islice(remaining, window))", "list(remaining)"),
        ],
        ("batch/pictures.py", "batch_comparing"): [
            ("self._faces -= _size(dropped)", "pass"),
        ],
        ("batch/rows.py", "batch_comparing", "batch_output"): [
            ("key=lambda match: match.similarity", "key=lambda match: -match.similarity"),
            ('"match": bool(self.comparison.matches)', '"match": best is not None'),
        ],
        ("batch/manifest.py", "batch_manifest"): [
            ("islice(read(path), start, None)", "islice(read(path), start + 1, None)"),
            ("one, other = divmod(i, len(targets))", "one, other = divmod(i, len(sources))"),
            ("_skip_line(file)\n", "pass\n"),
            ('if "" in values:', "if False:"),
        ],
        ("batch/output.py", "batch_output"): [
            ("at += starts[at].count", "at += 1"),
            ("        finally:\n            if rows:", "        finally:\n            if False:"),
            ("0o600 if columns.embeddings", "0o644 if columns.embeddings"),
            ('["fingerprint"] != self._fingerprint', '["fingerprint"] == ""'),
        ],
        ("server/shared_buckets.py", "shared_buckets"): [
            ("found == mark, filled, at", "False, filled, at"),
            ("if found else self._burst", "if True else self._burst"),
            ("(now - counted_at) * self.rate", "0"),
            ("tokens - 1 if allowed else tokens", "tokens"),
        ],
        ("server/work_queue.py", "work_queue"): [
            ("self._lines.get(key, ())) + 1", "self._lines.get(key, ()))"),
            ("popitem(last=False)", "popitem()"),
            ("if not turn.done():", "if True:"),
            ("if not last.done():", "if True:"),
            ("and turn.exception() is None:", "and False:"),
        ],
        ("fitted.py", "fitted"): [
            ("set(found) != set(names)", "False"),
            ("if not math.isfinite(value):", "if False:"),
            ("if isinstance(value, bool) or not", "if not"),
            ("int if hint is int else (int, float)", "(int, float)"),
            ("len(value) != len(hints)", "False"),
            (
                "except ValueError as error:\n        raise CalibrationMismatch(str(error)) from error",
                "finally:\n        pass",
            ),
        ],
    }.items()
    for mutant in of(file, unit(*tests), changes)
]

MUTANTS = [*UNIT_MUTANTS, *GOLDEN_MUTANTS]
