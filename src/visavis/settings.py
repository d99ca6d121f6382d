"""The settings of a process, read once at its start. Nothing else reads the environment of the engine."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar, get_args

from visavis.errors import SettingsError
from visavis.models.shipped import DEFAULT_EMBEDDER
from visavis.parsing import BadValue, device, flag, folder_to_make, nonempty, one_of, whole_number

__all__ = ["ACCURACIES", "PRECISIONS", "Accuracy", "Precision", "Settings", "settings_or_env"]

Accuracy = Literal["standard", "high"]
ACCURACIES: tuple[Accuracy, ...] = get_args(Accuracy)
Precision = Literal["f32", "bf16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

MOST_THREADS = 1024

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Settings:
    """How visavis runs in this process. `from_env` reads it from the environment.

    Attributes:
        home: the cache folder of model files and networks (VISAVIS_HOME).
        data_home: the folder of what cannot be fetched again: the user's embedders, in `embedders/`. None if the user
            has none (VISAVIS_DATA_HOME).
        offline: whether models are never fetched (VISAVIS_OFFLINE).
        threads: the number of images analysed at once, at least 1 (VISAVIS_THREADS).
        accuracy: "standard", or "high", which also embeds each face's mirror image and has its own scale
            (VISAVIS_ACCURACY).
        embedder: the name of the model that computes embeddings (VISAVIS_EMBEDDER).
        face_cache_size: the number of images whose faces are kept in memory, so that they are not analysed again
            (VISAVIS_FACE_CACHE).
        device: where networks run, as OpenVINO names it: CPU, GPU, GPU.0, GPU.1 ..., NPU or AUTO; kept in capitals.
            Opening an engine checks that the machine has it (VISAVIS_DEVICE).
        precision: "f32", or "bf16", in which the detector and the embedder are faster on processors that have it;
            opening an engine checks that. Cosines then move a little (VISAVIS_PRECISION).

    Raises:
        SettingsError: a value is out of its range; the text names the field and what would be right.

    Example:
        >>> Settings(Path("/srv/visavis"), threads=2, device="cpu").device
        'CPU'
    """

    home: Path
    data_home: Path | None = field(default=None, kw_only=True)
    offline: bool = False
    threads: int = 1
    accuracy: Accuracy = "standard"
    embedder: str = DEFAULT_EMBEDDER
    face_cache_size: int = 0
    device: str = "CPU"
    precision: Precision = "f32"

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise SettingsError(f"precision must be {' or '.join(PRECISIONS)}, not {self.precision!r}")
        if self.accuracy not in ACCURACIES:
            raise SettingsError(f"accuracy must be {' or '.join(ACCURACIES)}, not {self.accuracy!r}")
        if self.threads < 1:
            raise SettingsError(f"threads must be at least 1, not {self.threads}")
        if self.face_cache_size < 0:
            raise SettingsError(f"face_cache_size must be at least 0, not {self.face_cache_size}")
        try:
            object.__setattr__(self, "device", device(self.device))
        except BadValue as error:
            raise SettingsError(f"device {error}") from error

    @property
    def embedders(self) -> Path | None:
        """The folder of the user's embedders."""
        return None if self.data_home is None else self.data_home / "embedders"

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Settings from environment variables.

        Args:
            environ: variables by name; default: those of the process.

        Raises:
            SettingsError: a variable has a value that is not allowed; the text names it and what would be right.

        Example:
            >>> Settings.from_env({"VISAVIS_THREADS": "2", "VISAVIS_ACCURACY": "high"}).accuracy
            'high'
        """
        import platformdirs

        env = os.environ if environ is None else environ
        return cls(
            home=_read(env, "VISAVIS_HOME", folder_to_make) or platformdirs.user_cache_path("visavis"),
            data_home=_read(env, "VISAVIS_DATA_HOME", folder_to_make) or platformdirs.user_data_path("visavis"),
            offline=_read(env, "VISAVIS_OFFLINE", flag) or False,
            threads=_read(env, "VISAVIS_THREADS", partial(whole_number, least=1, most=MOST_THREADS)) or _cores(),
            accuracy=_read(env, "VISAVIS_ACCURACY", partial(one_of, choices=ACCURACIES)) or "standard",
            embedder=_read(env, "VISAVIS_EMBEDDER", nonempty) or DEFAULT_EMBEDDER,
            face_cache_size=_read(env, "VISAVIS_FACE_CACHE", whole_number) or 0,
            device=_read(env, "VISAVIS_DEVICE", device) or "CPU",
            precision=_read(env, "VISAVIS_PRECISION", partial(one_of, choices=PRECISIONS)) or "f32",
        )


def settings_or_env(settings: Settings | None) -> Settings:
    """The settings that a caller passed, or those of the environment if it passed none.

    Args:
        settings: None to read the environment.

    Raises:
        SettingsError: `settings` is of another type, or an environment variable has a value that is not allowed.
    """
    if settings is None:
        return Settings.from_env()
    if not isinstance(settings, Settings):
        from visavis.inputs import short_repr

        raise SettingsError(f"settings must be a visavis.Settings, not {short_repr(settings)}")
    return settings


def _read(env: Mapping[str, str], name: str, parse: Callable[[str], Value]) -> Value | None:
    """The value of a variable; None if it is not set or empty."""
    text = env.get(name, "")
    if not text.strip():
        return None
    try:
        return parse(text)
    except BadValue as error:
        raise SettingsError(f"{name} {error}") from error


def _cores() -> int:
    """The number of cores that this process may use; containers and taskset can limit it."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
