from __future__ import annotations

import subprocess
import sys


def in_a_fresh_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_importing_visavis_loads_nothing_heavy_and_says_nothing() -> None:
    heavy = ["openvino", "cv2", "numpy", "PIL", "onnx", "botocore", "boto3", "starlette", "scipy"]
    code = f"import sys, visavis; print([m for m in {heavy} if m in sys.modules])"
    assert in_a_fresh_python(code) == "[]\n"


def test_importing_visavis_reads_no_environment() -> None:
    code = (
        "import os, sys\n"
        "class Watched(dict):\n"
        "    def get(self, key, default=None):\n"
        "        seen.append(key); return super().get(key, default)\n"
        "    def __getitem__(self, key):\n"
        "        seen.append(key); return super().__getitem__(key)\n"
        "seen = []; os.environ = Watched(os.environ)\n"
        "import visavis\n"
        "print([k for k in seen if k.startswith('VISAVIS')])"
    )
    assert in_a_fresh_python(code) == "[]\n"


def test_every_public_name_is_there() -> None:
    code = "import visavis; print([n for n in visavis.__all__ if not hasattr(visavis, n)])"
    assert in_a_fresh_python(code) == "[]\n"


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    code = "import visavis\ntry:\n    visavis.nope\nexcept AttributeError as e:\n    print(e)"
    assert in_a_fresh_python(code) == "module 'visavis' has no attribute 'nope'\n"


def test_the_errors_are_there_before_anything_else_is_used() -> None:
    assert in_a_fresh_python("import visavis; print(visavis.errors.NoFace is visavis.NoFace)") == "True\n"
