from __future__ import annotations

from pathlib import Path

import pytest

from visavis.errors import SettingsError
from visavis.settings import Settings


def test_settings_come_from_the_environment() -> None:
    env = {"VISAVIS_HOME": "/srv/models", "VISAVIS_OFFLINE": "yes", "VISAVIS_THREADS": "3"}
    assert Settings.from_env(env) == Settings(Path("/srv/models"), offline=True, threads=3, embedder="embedder")
    assert Settings.from_env({**env, "VISAVIS_EMBEDDER": "arc"}).embedder == "arc"
    assert Settings.from_env({**env, "VISAVIS_REMEMBERED": "500"}).remembered == 500


def test_without_an_environment_there_are_defaults() -> None:
    settings = Settings.from_env({})
    assert settings.home.name == "visavis"
    assert not settings.offline
    assert settings.threads >= 1
    assert settings.remembered == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VISAVIS_OFFLINE", "maybe"),
        ("VISAVIS_ACCURACY", "best"),
        ("VISAVIS_THREADS", "0"),
        ("VISAVIS_THREADS", "two"),
        ("VISAVIS_REMEMBERED", "-1"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} must be .* not '{value}'"):
        Settings.from_env({name: value})


def test_fewer_pictures_than_none_cannot_be_remembered() -> None:
    with pytest.raises(SettingsError, match="remembered must be at least 0, not -1"):
        Settings(Path("/srv/models"), remembered=-1)
