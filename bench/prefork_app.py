"""A typical service: the client is a global variable, and is used while the module is imported."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import visavis

PHOTOS = Path(__file__).parent.parent / "examples/photos"
SOURCE, TARGET = ((PHOTOS / f"ardern_{year}.jpg").read_bytes() for year in (2018, 2022))

client = visavis.client()


def similarity() -> str:
    answer = client.compare_faces(SourceImage={"Bytes": SOURCE}, TargetImage={"Bytes": TARGET})
    return repr(answer["FaceMatches"][0]["Similarity"])


WARM = similarity()


def wsgi(_: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{similarity()} {os.getpid()}".encode()]


async def asgi(scope: dict[str, Any], _: Callable[[], Awaitable[Any]], send: Callable[..., Awaitable[None]]) -> None:
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": f"{similarity()} {os.getpid()}".encode()})


def make_celery(folder: Path) -> Any:
    """A Celery app whose messages and results are files, so that no broker is needed."""
    from celery import Celery

    for name in ("messages", "done", "results"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    app = Celery("prefork", broker="filesystem://", backend=(folder / "results").as_uri())
    app.conf.broker_transport_options = {
        "data_folder_in": str(folder / "messages"),
        "data_folder_out": str(folder / "messages"),
        "processed_folder": str(folder / "done"),
        "control_folder": str(folder / "control"),  # by default in the current folder
        "store_processed": False,
    }
    app.conf.worker_hijack_root_logger = False

    @app.task(name="similarity")  # type: ignore[untyped-decorator]
    def task() -> str:
        return f"{similarity()} {os.getpid()}"

    return app


celery = make_celery(Path(os.environ["PREFORK_FOLDER"])) if "PREFORK_FOLDER" in os.environ else None
