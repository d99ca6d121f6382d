"""Fuzz one target in this process: `python -m fuzz.one NAME [OPTION OF LIBFUZZER | FOLDER | FILE]...`.

With a file in place of folders only that input is run, which is how a crash is repeated.
"""

from __future__ import annotations

import sys

import atheris

INSTRUMENTED = ["visavis", "botocore.parsers", "botocore.response", "email", "http.client", "tomllib"]
"""The packages in which branches are counted: visavis, and the parsers in Python that it trusts."""


def main() -> None:
    name, *options = sys.argv[1:]
    # Only what is imported in this block is counted. Functions import too, so the kept inputs are run in it.
    with atheris.instrument_imports(include=INSTRUMENTED):
        from fuzz.targets import CORPUS, MAX_BYTES, TARGETS

        for path in sorted((CORPUS / name).iterdir()):
            TARGETS[name](path.read_bytes())
    atheris.Setup([f"fuzz.{name}", f"-max_len={MAX_BYTES}", *options], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
