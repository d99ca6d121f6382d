"""Tests a client that is used before gunicorn, uvicorn, Celery and multiprocessing fork their workers.

Each server runs the module `bench.prefork_app` in its own environment. Every answer is compared with the one of this
process.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.results import save, table

ROOT = Path(__file__).parent.parent
ENVIRONMENT = ROOT / "bench/.peers/prefork"
PACKAGES = ["gunicorn==27.0.1", "celery==5.7.0"]
REQUESTS, TIMEOUT = 12, 60.0

POOL = """
import multiprocessing, os
from bench import prefork_app
def work(_):
    return f"{prefork_app.similarity()} {os.getpid()}"
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print("\\n".join(pool.map_async(work, range(12), chunksize=1).get(timeout=60)))
"""

SEND = """
from bench.prefork_app import celery
sent = [celery.send_task("similarity") for _ in range(12)]
print("\\n".join(each.get(timeout=60) for each in sent))
"""


def run(data: Path | None) -> None:
    del data
    python = prepare()
    from bench.prefork_app import WARM

    cases: dict[str, Callable[[], list[str]]] = {
        "gunicorn --preload": lambda: served(python, "gunicorn", "--preload"),
        "gunicorn --preload --threads 4": lambda: served(python, "gunicorn", "--preload", "--threads=4"),
        "gunicorn": lambda: served(python, "gunicorn"),
        "uvicorn --workers 2": lambda: served(python, "uvicorn"),
        "celery --pool prefork": lambda: by_celery(python),
        "multiprocessing.Pool, fork": lambda: printed(python, POOL),
    }
    rows, figures = [], {}
    for name, ask in cases.items():
        began = time.perf_counter()
        answers = [line.split() for line in ask()]
        right = sum(similarity == WARM for similarity, _ in answers)
        workers = len({worker for _, worker in answers})
        seconds = time.perf_counter() - began
        rows.append([name, f"{right} of {REQUESTS}", workers, seconds])
        figures[name] = {"right": right, "of": REQUESTS, "workers": workers, "seconds": seconds}
    table(["server", "answers as in one process", "workers that answered", "s, start and stop"], rows)
    save("prefork", figures)


def prepare() -> str:
    python = ENVIRONMENT / "bin/python"
    if not (ENVIRONMENT / ".installed").is_file():
        print("making an environment for gunicorn and Celery", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PACKAGES], check=True)
        (ENVIRONMENT / ".installed").touch()
    return str(python)


def environment(**more: str) -> dict[str, str]:
    """Variables with which visavis and its dependencies are imported from the environment of this process."""
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])} | more


def served(python: str, server: str, *options: str) -> list[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app, where = ("wsgi", f"--bind=127.0.0.1:{port}") if server == "gunicorn" else ("asgi", f"--port={port}")
    command = [python, "-m", server, "--workers=2", *options, where, f"bench.prefork_app:{app}"]
    with started(command, environment()):
        return [fetch(f"http://127.0.0.1:{port}/") for _ in range(REQUESTS)]


def fetch(url: str) -> str:
    end = time.monotonic() + TIMEOUT
    while True:
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
                return str(answer.read().decode())
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def by_celery(python: str) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        env = environment(PREFORK_FOLDER=folder)
        worker = [python, "-m", "celery", "-A", "bench.prefork_app:celery", "worker", "--pool=prefork", "-c2"]
        with started([*worker, "--loglevel=ERROR", "--without-gossip", "--without-mingle"], env):
            return printed(python, SEND, env)


def printed(python: str, code: str, env: dict[str, str] | None = None) -> list[str]:
    done = subprocess.run(
        [python, "-c", code], check=True, capture_output=True, text=True, env=env or environment(), timeout=2 * TIMEOUT
    )
    return done.stdout.splitlines()


@contextlib.contextmanager
def started(command: list[str], env: dict[str, str]) -> Iterator[None]:
    """Run a command until the block ends. It must then stop on SIGTERM."""
    process = subprocess.Popen(
        command, env=env, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield
        process.terminate()
        process.wait(30)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
