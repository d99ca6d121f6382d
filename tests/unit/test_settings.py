from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PHOTOS, posix
from visavis.errors import SettingsError
from visavis.evaluate import calibrate_folder, cross_validate_folder, evaluate_folder
from visavis.runtime import open_analyzer, open_engine
from visavis.settings import Settings

MADE = "a folder, which is created if it does not exist"


def test_settings_come_from_the_environment() -> None:
    env = {
        "VISAVIS_HOME": "/srv/models",
        "VISAVIS_DATA_HOME": "/srv/data",
        "VISAVIS_OFFLINE": "yes",
        "VISAVIS_THREADS": "3",
    }
    assert Settings.from_env(env) == Settings(
        Path("/srv/models"), data_home=Path("/srv/data"), offline=True, threads=3, embedder="robust-sface"
    )
    assert Settings.from_env({**env, "VISAVIS_EMBEDDER": "arc"}).embedder == "arc"
    assert Settings.from_env({**env, "VISAVIS_FACE_CACHE": "500"}).face_cache_size == 500
    assert Settings.from_env({**env, "VISAVIS_ACCURACY": "High"}).accuracy == "high"
    assert Settings.from_env({**env, "VISAVIS_DEVICE": "gpu.1"}).device == "GPU.1"
    assert Settings.from_env({**env, "VISAVIS_PRECISION": "BF16"}).precision == "bf16"


NAMES = ("HOME", "DATA_HOME", "OFFLINE", "THREADS", "ACCURACY", "EMBEDDER", "FACE_CACHE", "DEVICE", "PRECISION")


@pytest.mark.parametrize("env", [{}, {f"VISAVIS_{name}": " " for name in NAMES}])
def test_without_an_environment_or_with_an_empty_one_there_are_defaults(env: dict[str, str]) -> None:
    settings = Settings.from_env(env)
    assert settings.home.name == "visavis"
    assert settings.data_home is not None
    assert settings.data_home.name == "visavis"
    assert settings.data_home != settings.home
    assert not settings.offline
    assert settings.threads >= 1
    assert settings.accuracy == "standard"
    assert settings.embedder == "robust-sface"
    assert settings.face_cache_size == 0
    assert settings.device == "CPU"
    assert settings.precision == "f32"


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        pytest.param("VISAVIS_HOME", "/dev/null", MADE, marks=posix),
        pytest.param("VISAVIS_HOME", "/dev/null/models", MADE, marks=posix),
        ("VISAVIS_OFFLINE", "maybe", "1 or 0"),
        ("VISAVIS_ACCURACY", "best", "standard or high"),
        ("VISAVIS_THREADS", "0", "a whole number from 1 to 1024"),
        ("VISAVIS_THREADS", "1025", "a whole number from 1 to 1024"),
        ("VISAVIS_THREADS", "two", "a whole number from 1 to 1024"),
        ("VISAVIS_THREADS", "nan", "a whole number from 1 to 1024"),
        ("VISAVIS_EMBEDDER", "a\nb", "a text that is not empty, on one line"),
        ("VISAVIS_DEVICE", "CUDA", "CPU, GPU, GPU.0 (GPU.1 and so on), NPU or AUTO"),
        ("VISAVIS_PRECISION", "f16", "f32 or bf16"),
        ("VISAVIS_FACE_CACHE", "-1", "a whole number of at least 0"),
        ("VISAVIS_FACE_CACHE", "1.5", "a whole number of at least 0"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(name: str, value: str, right: str) -> None:
    with pytest.raises(SettingsError) as error:
        Settings.from_env({name: value})
    assert str(error.value).startswith(f"{name} must be {right}, not {value!r}")


def test_fewer_images_than_none_cannot_be_remembered() -> None:
    with pytest.raises(SettingsError, match="face_cache_size must be at least 0, not -1"):
        Settings(Path("/srv/models"), face_cache_size=-1)


@pytest.mark.parametrize("name", ["CPU", "cpu", "GPU", "GPU.0", "gpu.12", "NPU", "Auto", " NPU "])
def test_a_device_goes_by_the_name_that_openvino_has_for_it(name: str) -> None:
    assert Settings(Path("/srv/models"), device=name).device == name.strip().upper()


def test_a_precision_that_does_not_exist_is_refused() -> None:
    with pytest.raises(SettingsError, match="precision must be f32 or bf16, not 'f16'"):
        Settings(Path("/srv/models"), precision="f16")  # type: ignore[arg-type]


def test_a_device_that_openvino_has_no_name_for_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"device must be CPU, GPU, GPU\.0 \(.*\), NPU or AUTO, not 'CUDA'"):
        Settings(Path("/srv/models"), device="CUDA")


@pytest.mark.parametrize("given", ["high", {}, 0])
@pytest.mark.parametrize(
    "call",
    [
        lambda settings: open_engine(settings),
        lambda settings: open_analyzer(settings),
        lambda settings: evaluate_folder(PHOTOS, settings=settings),
        lambda settings: calibrate_folder(PHOTOS, settings=settings),
        lambda settings: cross_validate_folder(PHOTOS, settings=settings),
    ],
)
def test_what_are_no_settings_is_refused_by_every_call_that_takes_some(
    call: Callable[[Any], object], given: object
) -> None:
    with pytest.raises(SettingsError, match=rf"^settings must be a visavis\.Settings, not {given!r}$"):
        call(given)
