"""Imports openvino without telemetry. No other module imports it.

A plain `import openvino` also imports OpenVINO's model converter. The converter sends an event with a permanent client
id to an analytics host and writes `~/intel/`. It does so from a forked process, and no setting of visavis prevents it.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

from visavis.forks import forks_wait

__all__ = ["import_openvino"]

_lock = threading.Lock()

_CONVERTER = "openvino.tools.ovc"
_TELEMETRY = "openvino_telemetry"


def import_openvino() -> Any:
    """Return the module `openvino`, imported without its model converter and without telemetry.

    Python cannot import a module whose entry in `sys.modules` is None, and OpenVINO works without these two modules.
    Other code can import the converter afterwards. `openvino_telemetry` stays unavailable in this process unless it was
    imported before, so that parts of OpenVINO that are imported later cannot send events either.
    """
    with forks_wait(), _lock:
        sys.modules.setdefault(_TELEMETRY, None)  # type: ignore[arg-type]
        hidden = _CONVERTER not in sys.modules
        if hidden:
            sys.modules[_CONVERTER] = None  # type: ignore[assignment]
        try:
            import openvino
            import openvino.preprocess
        finally:
            if hidden:
                del sys.modules[_CONVERTER]
    return openvino
