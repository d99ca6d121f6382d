"""What calls in one process share, tested without an engine."""

from __future__ import annotations

import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.conftest import encode, gradient
from tests.unit.test_response import make_face
from visavis import boto3_client
from visavis.analysis import Analysis
from visavis.engine import Engine as RealEngine
from visavis.errors import InvalidRequest, SettingsError
from visavis.image import Image
from visavis.settings import Settings

SETTINGS = Settings(Path("home"))
MADE_UP = {"region_name": "us-east-1", "aws_access_key_id": "A", "aws_secret_access_key": "B"}


def make_engine() -> RealEngine:
    """An engine that finds one made-up face in every image."""

    def analyzer(image: Image, **_: object) -> Analysis:
        return Analysis(image.size, (make_face(),))

    return RealEngine(analyzer, None, threads=1)  # type: ignore[arg-type]


class Engine:
    """Returns its arguments."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def compare(self, *asked: object) -> tuple[object, ...]:
        return asked


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings of every engine that was opened."""
    settings: list[Settings] = []

    def open_engine(given: Settings) -> Engine:
        settings.append(given)
        time.sleep(0.1)
        return Engine(given)

    monkeypatch.setattr("visavis.runtime.open_engine", open_engine)
    monkeypatch.setattr(boto3_client, "_engine", boto3_client._Engines().of)
    return settings


def test_threads_that_ask_at_once_share_one_engine(opened: list[Settings]) -> None:
    engines: list[object] = []
    threads = [threading.Thread(target=lambda: engines.append(boto3_client._engine(SETTINGS))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opened == [SETTINGS]
    assert len({id(engine) for engine in engines}) == 1


def test_each_settings_have_an_engine_of_their_own(opened: list[Settings]) -> None:
    other = Settings(Path("other"))
    assert [boto3_client._engine(s).settings for s in (SETTINGS, other, SETTINGS)] == [SETTINGS, other, SETTINGS]  # type: ignore[attr-defined]
    assert opened == [SETTINGS, other]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_forked_while_an_engine_is_opened_opens_its_own(opened: list[Settings]) -> None:
    thread = threading.Thread(target=boto3_client._engine, args=(SETTINGS,))
    thread.start()
    while not opened:
        time.sleep(0.001)
    child = os.fork()
    if not child:
        os._exit(7 if boto3_client._engine(SETTINGS).settings == SETTINGS and len(opened) == 2 else 1)  # type: ignore[attr-defined]
    thread.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert opened == [SETTINGS]


def test_what_are_no_settings_and_no_store_is_named(opened: list[Settings]) -> None:
    for settings in ("x", {"threads": 2}, 0):
        with pytest.raises(SettingsError, match="settings must be a visavis"):
            boto3_client.compare(b"", b"", settings=settings)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="objects must be a store, or folders by bucket name"):
        boto3_client.client(objects=["/srv/photos"], settings=SETTINGS)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match="attributes must be one of DEFAULT, ALL, not 'SOME'"):
        boto3_client.client(attributes="some".upper(), settings=SETTINGS)
    assert opened == []


def test_options_are_passed_on_as_they_are(opened: list[Settings]) -> None:
    assert boto3_client.compare(b"a", b"b", 0, settings=SETTINGS) == (b"a", b"b", 0)  # type: ignore[arg-type, comparison-overlap]
    assert len(opened) == 1


def test_an_embedder_is_one_of_the_settings(opened: list[Settings]) -> None:
    boto3_client.client(embedder="mine", settings=SETTINGS)
    assert opened == [replace(SETTINGS, embedder="mine")]


def test_an_engine_excludes_an_embedder_and_settings(opened: list[Settings]) -> None:
    with make_engine() as engine:
        for embedder in ("mine", ""):
            with pytest.raises(SettingsError, match="engine and embedder exclude each other: pass embedder to open_"):
                boto3_client.client(engine=engine, embedder=embedder)
        with pytest.raises(SettingsError, match="engine and settings exclude each other: pass settings to open_engine"):
            boto3_client.client(engine=engine, settings=SETTINGS)
    for wrong in (SETTINGS, "mine", 0):
        with pytest.raises(SettingsError, match=r"engine must be a visavis\.Engine, as open_engine\(\) returns it"):
            boto3_client.client(engine=wrong)  # type: ignore[arg-type]
    assert opened == []


def test_an_engine_of_the_program_is_used_and_no_other_is_opened(opened: list[Settings]) -> None:
    with make_engine() as engine:
        client = boto3_client.client(engine=engine)
        patched = boto3_client.patch(boto3.client("rekognition", **MADE_UP), engine=engine)
        for each in (client, patched):
            assert len(each.detect_faces(Image={"Bytes": encode(gradient())})["FaceDetails"]) == 1
    assert opened == []


def test_a_client_of_a_closed_engine_gets_a_server_error() -> None:
    with make_engine() as engine:
        client = boto3_client.client(engine=engine, config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(ClientError) as caught:
        client.detect_faces(Image={"Bytes": encode(gradient())})
    assert caught.value.response["Error"] == {"Code": "InternalServerError", "Message": "Internal server error"}
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
