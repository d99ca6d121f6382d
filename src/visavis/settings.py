"""Settings, read once by whoever starts the process. The only reader of the environment."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar, get_args

from visavis.errors import SettingsError
from visavis.parsing import BadValue, device, flag, folder_to_make, nonempty, one_of, whole_number

__all__ = ["ACCURACIES", "SHIPPED_EMBEDDER", "Accuracy", "Settings"]

Accuracy = Literal["standard", "high"]
ACCURACIES: tuple[Accuracy, ...] = get_args(Accuracy)

SHIPPED_EMBEDDER = "embedder"
"""Its name in the manifest that ships."""

MOST_THREADS = 1024

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Settings:
    """How visavis runs in this process.

    home:     folder of model files and ready networks         VISAVIS_HOME
    offline:  never fetch models                               VISAVIS_OFFLINE
    threads:  pictures analysed at once, at least 1            VISAVIS_THREADS
    accuracy: "standard", or "high", which also embeds each
              face's mirror image and has a scale of its own   VISAVIS_ACCURACY
    embedder: the model that faces are compared by             VISAVIS_EMBEDDER
    remembered: pictures whose faces are kept in memory, to
              be compared again without being analysed again;
              the least recently used go first; 0 for none     VISAVIS_FACE_CACHE
    device:   where networks run, as OpenVINO names it: CPU,
              GPU, GPU.0, GPU.1 ..., NPU or AUTO; kept in
              capitals. Opening an engine checks that the
              machine has it                                   VISAVIS_DEVICE

    Raises:
        SettingsError: a value is out of its range; the text names the field and what would be right.
    """

    home: Path
    offline: bool = False
    threads: int = 1
    accuracy: Accuracy = "standard"
    embedder: str = SHIPPED_EMBEDDER
    remembered: int = 0
    device: str = "CPU"

    def __post_init__(self) -> None:
        if self.accuracy not in ACCURACIES:
            raise SettingsError(f"accuracy must be {' or '.join(ACCURACIES)}, not {self.accuracy!r}")
        if self.threads < 1:
            raise SettingsError(f"threads must be at least 1, not {self.threads}")
        if self.remembered < 0:
            raise SettingsError(f"remembered must be at least 0, not {self.remembered}")
        try:
            object.__setattr__(self, "device", device(self.device))
        except BadValue as error:
            raise SettingsError(f"device {error}") from error

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Settings from environment variables (default: the process's own).

        Raises:
            SettingsError: a variable holds something it cannot.
        """
        import platformdirs

        env = os.environ if environ is None else environ
        return cls(
            home=_read(env, "VISAVIS_HOME", folder_to_make) or platformdirs.user_cache_path("visavis"),
            offline=_read(env, "VISAVIS_OFFLINE", flag) or False,
            threads=_read(env, "VISAVIS_THREADS", partial(whole_number, least=1, most=MOST_THREADS)) or _cores(),
            accuracy=_read(env, "VISAVIS_ACCURACY", partial(one_of, choices=ACCURACIES)) or "standard",
            embedder=_read(env, "VISAVIS_EMBEDDER", nonempty) or SHIPPED_EMBEDDER,
            remembered=_read(env, "VISAVIS_FACE_CACHE", whole_number) or 0,
            device=_read(env, "VISAVIS_DEVICE", device) or "CPU",
        )


def _read(env: Mapping[str, str], name: str, parse: Callable[[str], Value]) -> Value | None:
    """The value of a variable; None where it is not set, or empty."""
    text = env.get(name, "")
    if not text.strip():
        return None
    try:
        return parse(text)
    except BadValue as error:
        raise SettingsError(f"{name} {error}") from error


def _cores() -> int:
    """Cores this process may run on, which containers and taskset make fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
