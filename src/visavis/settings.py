"""Settings, read once by whoever starts the process. The only reader of the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from visavis.errors import SettingsError

__all__ = ["ACCURACIES", "SHIPPED_EMBEDDER", "Accuracy", "Settings"]

Accuracy = Literal["standard", "high"]
ACCURACIES: tuple[Accuracy, ...] = get_args(Accuracy)

SHIPPED_EMBEDDER = "embedder"
"""Its name in the manifest that ships."""

_TRUE, _FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off", ""}


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
              the least recently used go first; 0 for none     VISAVIS_REMEMBERED
    """

    home: Path
    offline: bool = False
    threads: int = 1
    accuracy: Accuracy = "standard"
    embedder: str = SHIPPED_EMBEDDER
    remembered: int = 0

    def __post_init__(self) -> None:
        if self.accuracy not in ACCURACIES:
            raise SettingsError(f"accuracy must be {' or '.join(ACCURACIES)}, not {self.accuracy!r}")
        if self.threads < 1:
            raise SettingsError(f"threads must be at least 1, not {self.threads}")
        if self.remembered < 0:
            raise SettingsError(f"remembered must be at least 0, not {self.remembered}")

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Settings from environment variables (default: the process's own).

        Raises:
            SettingsError: a variable holds something it cannot.
        """
        import platformdirs

        env = os.environ if environ is None else environ
        home = env.get("VISAVIS_HOME")
        return cls(
            home=Path(home).expanduser() if home else platformdirs.user_cache_path("visavis"),
            offline=_flag(env, "VISAVIS_OFFLINE"),
            threads=_count(env, "VISAVIS_THREADS", default=_cores()),
            accuracy=_accuracy(env.get("VISAVIS_ACCURACY", "").strip() or "standard"),
            embedder=env.get("VISAVIS_EMBEDDER", "").strip() or SHIPPED_EMBEDDER,
            remembered=_count(env, "VISAVIS_REMEMBERED", default=0, least=0),
        )


def _flag(env: Mapping[str, str], name: str) -> bool:
    value = env.get(name, "").strip().lower()
    if value not in _TRUE | _FALSE:
        raise SettingsError(f"{name} must be 1 or 0, not {value!r}")
    return value in _TRUE


def _count(env: Mapping[str, str], name: str, *, default: int, least: int = 1) -> int:
    value = env.get(name, "").strip()
    if not value:
        return default
    if not value.isdecimal() or int(value) < least:
        raise SettingsError(f"{name} must be a whole number of at least {least}, not {value!r}")
    return int(value)


def _accuracy(value: str) -> Accuracy:
    if value not in ACCURACIES:
        raise SettingsError(f"VISAVIS_ACCURACY must be {' or '.join(ACCURACIES)}, not {value!r}")
    return value


def _cores() -> int:
    """Cores this process may run on, which containers and taskset make fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
