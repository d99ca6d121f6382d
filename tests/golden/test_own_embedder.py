"""SFace under another name, as a plain ONNX file, gives through every door what it gives as the shipped embedder."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

import visavis
from tests.conftest import PHOTOS
from visavis.api.dispatcher import Dispatcher
from visavis.api.objects import NoStore
from visavis.aws.policy import LOCAL_CALLER
from visavis.calibration import load_calibration
from visavis.cli import main
from visavis.models.build import dequantize
from visavis.models.manifest import load_manifest
from visavis.models.store import ModelStore
from visavis.models.user_provided import calibration_file
from visavis.runtime import open_store
from visavis.settings import Settings

Photo = Callable[[str], bytes]
PAIRS = [("ardern_2018", "ardern_2022"), ("obama", "sunak")]
TOLERANCE = 0.2
"""Of similarity. The vectors are the same, but an added network's lengths say nothing of quality, and two poor faces
lower their similarity a little."""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A home of its own, that sees the shipped networks of the real one, and has SFace as `arc`."""
    real = Settings.from_env()
    open_store(real).fetch()
    home = tmp_path_factory.mktemp("home")
    for kind in ("files", "ready"):
        (home / kind).mkdir()
        # Each file once, because a model may be another one with changed weights.
        for sha256 in {model.sha256 for model in load_manifest().models.values()}:
            for folder in (real.home / kind).glob(f"{sha256[:16]}*"):
                (home / kind / folder.name).symlink_to(folder)
    plain = home / "exported.onnx"
    plain.write_bytes(dequantize(open_store(real).file("sface")).SerializeToString())
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("VISAVIS_HOME", str(home))
        environment.setenv("VISAVIS_DATA_HOME", str(home / "data"))
        words = [str(plain), "--name", "arc", "--template", "arcface112", "--input", "rgb-0-255"]
        assert main(["models", "add", *words]) == 0
        settings = replace(Settings.from_env(), embedder="arc")
        assert main(["compare", *(str(PHOTOS / f"{n}.jpg") for n in PAIRS[0]), "--embedder", "arc"]) == 2
        calibrate(open_store(settings))
        yield settings


def calibrate(store: ModelStore) -> None:
    """The fit of `--calibrate` needs 776 people; the curve of the same network is the same curve."""
    arc = store.manifest["arc"]
    replace(load_calibration(embedder="sface"), model_sha256=arc.sha256).write(calibration_file(arc))


def similarities(answer: dict[str, object]) -> list[float]:
    matches: list[dict[str, float]] = answer["FaceMatches"]  # type: ignore[assignment]
    return [match["Similarity"] for match in matches]


@pytest.mark.parametrize("pair", PAIRS)
def test_every_door_answers_by_the_embedder_of_ones_own(
    settings: Settings, photo: Photo, capsys: pytest.CaptureFixture[str], pair: tuple[str, str]
) -> None:
    source, target = map(photo, pair)
    request = {"SourceImage": {"Bytes": source}, "TargetImage": {"Bytes": target}, "SimilarityThreshold": 0.0}
    encoded = {k: {"Bytes": base64.b64encode(v["Bytes"]).decode()} for k, v in request.items() if isinstance(v, dict)}
    with visavis.open_engine(replace(Settings.from_env(), embedder="sface")) as engine:
        shipped = similarities(
            Dispatcher(engine, NoStore()).dispatch(
                "CompareFaces", {**encoded, "SimilarityThreshold": 0.0}, LOCAL_CALLER
            )
        )

    words = [*(str(PHOTOS / f"{name}.jpg") for name in pair), "--threshold", "0", "--json", "--embedder", "arc"]
    assert main(["compare", *words]) == 0
    by_command = similarities(json.loads(capsys.readouterr().out))
    in_process = similarities(visavis.client(embedder="arc").compare_faces(**request))
    patched = visavis.patch(
        boto3.client("rekognition", region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b"),
        embedder="arc",
    )
    by_patch = similarities(patched.compare_faces(**request))
    with visavis.open_engine(settings) as own:
        by_library = [m.similarity for m in own.compare(source, target, visavis.CompareOptions(0.0)).matches]
    assert by_command == in_process == by_patch
    assert by_library == pytest.approx(by_command, abs=1e-4)  # the others are rounded to float32
    assert by_command == pytest.approx(shipped, abs=TOLERANCE)


@pytest.fixture
def endpoint(settings: Settings) -> Iterator[str]:
    """The command `visavis serve --embedder arc`."""
    words = ["serve", "--port", "0", "--embedder", "arc"]
    with subprocess.Popen(
        [sys.executable, "-m", "visavis", *words], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "VISAVIS_HOME": str(settings.home), "VISAVIS_DATA_HOME": str(settings.data_home)},
    ) as server:  # fmt: skip
        try:
            assert server.stdout is not None
            yield next(line.split()[-1] for line in server.stdout if "listening" in line)
        finally:
            server.terminate()


def test_the_server_answers_by_it_too(settings: Settings, endpoint: str, photo: Photo) -> None:
    images = {"SourceImage": {"Bytes": photo("ardern_2018")}, "TargetImage": {"Bytes": photo("ardern_2022")}}
    client = boto3.client(
        "rekognition", endpoint_url=endpoint, region_name="us-east-1", config=Config(signature_version=UNSIGNED)
    )
    assert similarities(client.compare_faces(**images)) == similarities(
        visavis.client(embedder="arc").compare_faces(**images)
    )


def test_the_environment_chooses_too_and_a_set_is_measured_by_it(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VISAVIS_EMBEDDER", "arc")
    (tmp_path / "images").mkdir()
    rows = ["image,identity"]
    for path in PHOTOS.glob("*.jpg"):
        shutil.copy(path, tmp_path / "images")
        rows.append(f"{path.name},{path.stem.split('_')[0]}")
    (tmp_path / "images.csv").write_text("\n".join(rows))
    assert main(["evaluate", str(tmp_path), "--no-plots", "--replicates", "0", "--out", str(tmp_path / "out")]) == 0
    report = json.loads((tmp_path / "out/report.json").read_text())
    assert report["at_similarity"][0]["fmr"]["errors"] == 0
    assert open_store(settings).manifest["arc"].sha256 in json.dumps(report)
