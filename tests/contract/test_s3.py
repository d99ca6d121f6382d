"""The S3 store against moto's server, a process of its own on the loopback, and against servers that misbehave."""

import gc
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import weakref
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest

from visavis.api.images import S3ObjectRef
from visavis.api.objects import OBJECT_LIMIT, FolderStore
from visavis.api.s3 import S3Store
from visavis.batch.locations import Locations
from visavis.errors import ImageTooLarge, ObjectUnavailable, SettingsError

MEGABYTE = 1024 * 1024
PAGE = 20
"""The keys of a page of a list, which are 1,000 in S3."""


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Only these, whatever the machine has, and no look at any metadata service."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where moto's server listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    log = tmp_path_factory.mktemp("moto") / "log"
    with log.open("wb") as output:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        short_pages = os.environ | {"MOTO_S3_DEFAULT_MAX_KEYS": str(PAGE)}
        server = subprocess.Popen(command, stdout=output, stderr=output, env=short_pages)
    try:
        wait_for(url, server, log)
        yield url
    finally:
        server.terminate()
        server.wait(10)


def wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(f"{url}/moto-api/data.json", timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"moto's server does not answer: {log.read_text()}")


@pytest.fixture(scope="module")
def admin(endpoint: str) -> Any:
    """A client that fills the buckets: `photos`, which keeps versions, and `closed`, which lets nobody read."""
    keys = {"aws_access_key_id": "admin", "aws_secret_access_key": "secret"}
    client = boto3.session.Session(**keys).client("s3", endpoint_url=endpoint, region_name="us-east-1")
    client.create_bucket(Bucket="photos")
    client.put_bucket_versioning(Bucket="photos", VersioningConfiguration={"Status": "Enabled"})
    client.create_bucket(Bucket="closed")
    client.put_object(Bucket="closed", Key="a.jpg", Body=b"closed")
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::closed/*"}
    policy = {"Version": "2012-10-17", "Statement": [deny]}
    client.put_bucket_policy(Bucket="closed", Policy=json.dumps(policy))
    return client


@pytest.fixture
def store(endpoint: str, admin: Any) -> S3Store:
    return S3Store(endpoint_url=endpoint, region="us-east-1")


def calls_of(store: S3Store) -> list[str]:
    """A list that grows with the name of each operation the store sends."""
    calls: list[str] = []
    store._client.meta.events.register("before-send.s3", lambda event_name, **_: calls.append(event_name.split(".")[2]))
    return calls


def read(store: S3Store | FolderStore, name: str, bucket: str = "photos", version: str | None = None) -> bytes:
    return store.read(S3ObjectRef(bucket, name, version), limit=OBJECT_LIMIT)


def test_an_object_is_read_after_a_look_at_its_head(store: S3Store, admin: Any) -> None:
    admin.put_object(Bucket="photos", Key="a.jpg", Body=b"content")
    calls = calls_of(store)
    assert read(store, "a.jpg") == b"content"
    assert calls == ["HeadObject", "GetObject"]


@pytest.mark.parametrize("name", ["é.jpg", "e\u0301.jpg", "фото/😀 1.jpg", "a+b%20c?d#e&f=g", "a//b", "...", "a\\b"])
def test_a_key_may_have_any_character(store: S3Store, admin: Any, name: str) -> None:
    admin.put_object(Bucket="photos", Key=name, Body=name.encode())
    assert read(store, name) == name.encode()


def test_a_version_is_read_and_without_one_the_latest(store: S3Store, admin: Any) -> None:
    old = admin.put_object(Bucket="photos", Key="versioned", Body=b"old")["VersionId"]
    new = admin.put_object(Bucket="photos", Key="versioned", Body=b"new")["VersionId"]
    assert read(store, "versioned", version=old) == b"old"
    assert read(store, "versioned", version=new) == b"new"
    assert read(store, "versioned") == b"new"


def test_a_deleted_object_is_gone_but_its_version_is_not(store: S3Store, admin: Any) -> None:
    version = admin.put_object(Bucket="photos", Key="deleted", Body=b"was here")["VersionId"]
    admin.delete_object(Bucket="photos", Key="deleted")
    with pytest.raises(ObjectUnavailable):
        read(store, "deleted")
    assert read(store, "deleted", version=version) == b"was here"


@pytest.mark.parametrize(
    ("bucket", "name", "version"),
    [
        ("photos", "missing.jpg", None),
        ("missing-bucket", "a.jpg", None),
        ("closed", "a.jpg", None),
        ("photos", "present", "00000000-0000-0000-0000-000000000000"),
        ("photos", "present", "not a version"),
        ("photos", "../closed/a.jpg", None),
        ("photos", "./present", None),
        ("a" * 100, "a.jpg", None),
        ("...", "a.jpg", None),
        ("UPPER_case", "a.jpg", None),
        ("photos", "\udc80", None),
    ],
)
def test_what_cannot_be_had_cannot_be_told_apart(
    store: S3Store, admin: Any, bucket: str, name: str, version: str | None
) -> None:
    admin.put_object(Bucket="photos", Key="present", Body=b"present")
    with pytest.raises(ObjectUnavailable, match=f"the object in bucket {bucket} is missing, forbidden or unreachable"):
        read(store, name, bucket, version)


def test_the_text_tells_the_operator_why(store: S3Store) -> None:
    with pytest.raises(ObjectUnavailable, match=r"unreachable: 403$"):
        read(store, "a.jpg", "closed")


@pytest.mark.parametrize("size", [5 * MEGABYTE, 5 * MEGABYTE + 1, 12 * MEGABYTE, OBJECT_LIMIT])
def test_an_object_may_be_larger_than_bytes_in_a_request(store: S3Store, admin: Any, size: int) -> None:
    content = os.urandom(size)
    admin.put_object(Bucket="photos", Key="large", Body=content)
    assert read(store, "large") == content


@pytest.mark.parametrize("size", [OBJECT_LIMIT + 1, 20 * MEGABYTE])
def test_an_object_over_the_limit_is_never_fetched(store: S3Store, admin: Any, size: int) -> None:
    admin.put_object(Bucket="photos", Key="over", Body=bytes(size))
    calls = calls_of(store)
    with pytest.raises(ImageTooLarge):
        read(store, "over")
    assert calls == ["HeadObject"]


def test_an_empty_object_is_read_as_no_bytes(store: S3Store, admin: Any) -> None:
    admin.put_object(Bucket="photos", Key="empty", Body=b"")
    assert read(store, "empty") == b""


def test_folders_stand_before_the_store(store: S3Store, admin: Any, tmp_path: Path) -> None:
    admin.put_object(Bucket="photos", Key="a.jpg", Body=b"from the store")
    (tmp_path / "a.jpg").write_bytes(b"from the folder")
    both = FolderStore({"local": tmp_path}, otherwise=store)
    assert read(both, "a.jpg", "local") == b"from the folder"
    assert read(both, "a.jpg") == b"from the store"


def test_without_credentials_nothing_can_be_had(endpoint: str, admin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(ObjectUnavailable):
        read(S3Store(endpoint_url=endpoint, region="us-east-1"), "a.jpg")


def test_without_an_endpoint_the_one_that_boto3_is_configured_with_is_asked(
    endpoint: str, admin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin.put_object(Bucket="photos", Key="a.jpg", Body=b"content")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    assert read(S3Store(region="us-east-1"), "a.jpg") == b"content"


def test_an_own_server_is_asked_with_the_bucket_in_the_path_and_needs_no_region() -> None:
    store = S3Store(endpoint_url="http://store.internal:9000")
    url = store._client.generate_presigned_url("get_object", Params={"Bucket": "photos", "Key": "a.jpg"})
    assert url.startswith("http://store.internal:9000/photos/a.jpg?")


def test_an_endpoint_that_is_no_url_is_refused_at_once() -> None:
    with pytest.raises(SettingsError, match="boto3 cannot make an S3 client"):
        S3Store(endpoint_url="not a url", region="us-east-1")


Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def stub(answer: Answer) -> Iterator[tuple[str, list[str]]]:
    """A server that answers everything with `answer`; gives its URL, and the methods it was asked by."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.command)
            answer(self)

        do_HEAD = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def status(handler: BaseHTTPRequestHandler, code: int, **headers: str) -> None:
    handler.send_response(code)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


def test_a_failing_server_is_tried_at_most_twice() -> None:
    with stub(lambda handler: status(handler, 503, Content_Length="0")) as (url, asked):
        with pytest.raises(ObjectUnavailable):
            read(S3Store(endpoint_url=url, region="us-east-1"), "a.jpg")
        assert asked == ["HEAD", "HEAD"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no forks")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_does_not_ask_over_its_parents_connection() -> None:
    connections: list[tuple[str, int]] = []

    def keep_alive(handler: BaseHTTPRequestHandler) -> None:
        connections.append(handler.client_address)
        handler.protocol_version = "HTTP/1.1"
        status(handler, 200, Content_Length="7")
        handler.close_connection = False
        if handler.command == "GET":
            handler.wfile.write(b"content")

    with stub(keep_alive) as (url, _):
        store = S3Store(endpoint_url=url, region="us-east-1")
        read(store, "a.jpg")
        child = os.fork()
        if not child:
            os._exit(7 if read(store, "a.jpg") == b"content" else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
        read(store, "a.jpg")
    parents, childs = {*connections[:2], *connections[-2:]}, set(connections[2:-2])
    assert len(parents) == len(childs) == 1
    assert not parents & childs


def test_in_a_child_the_parents_client_is_not_destroyed() -> None:
    # Its pool would wait for a lock that a thread of the parent may have held.
    store = S3Store(endpoint_url="http://store.internal:9000", region="us-east-1")
    client = weakref.ref(store._client)
    store.renew()
    gc.collect()
    assert client() is not None


def test_a_forbidden_object_is_asked_for_once() -> None:
    with stub(lambda handler: status(handler, 403, Content_Length="0")) as (url, asked):
        with pytest.raises(ObjectUnavailable):
            read(S3Store(endpoint_url=url, region="us-east-1"), "a.jpg")
        assert asked == ["HEAD"]


def test_a_body_larger_than_its_head_said_is_cut_off() -> None:
    sent = 0

    def lie(handler: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        if handler.command == "HEAD":
            status(handler, 200, Content_Length="10")
            return
        status(handler, 200, Content_Length=str(1024 * MEGABYTE))
        try:
            for sent in range(1024):  # noqa: B007
                handler.wfile.write(bytes(MEGABYTE))
        except OSError:
            handler.close_connection = True

    with stub(lie) as (url, _), pytest.raises(ImageTooLarge):
        read(S3Store(endpoint_url=url, region="us-east-1"), "a.jpg")
    assert sent < 100


def test_a_body_that_ends_early_is_no_object() -> None:
    def stop(handler: BaseHTTPRequestHandler) -> None:
        status(handler, 200, Content_Length="1000")
        if handler.command == "GET":
            handler.wfile.write(b"half")
        handler.close_connection = True

    with stub(stop) as (url, _), pytest.raises(ObjectUnavailable):
        read(S3Store(endpoint_url=url, region="us-east-1"), "a.jpg")


def test_a_server_that_falls_silent_is_left() -> None:
    released = threading.Event()

    def hang(handler: BaseHTTPRequestHandler) -> None:
        released.wait(20)

    started = time.monotonic()
    with stub(hang) as (url, asked):
        with pytest.raises(ObjectUnavailable):
            read(S3Store(endpoint_url=url, region="us-east-1", timeout=0.2), "a.jpg")
        released.set()
        assert asked == ["HEAD", "HEAD"]
    assert time.monotonic() - started < 10


def test_a_body_that_drags_on_is_left_at_the_deadline() -> None:
    released = threading.Event()

    def drag(handler: BaseHTTPRequestHandler) -> None:
        status(handler, 200, Content_Length=str(10 * MEGABYTE))
        while handler.command == "GET" and not released.wait(0.05):
            try:
                handler.wfile.write(bytes(64 * 1024))
            except OSError:
                return

    started = time.monotonic()
    with stub(drag) as (url, _):
        with pytest.raises(ObjectUnavailable):
            read(S3Store(endpoint_url=url, region="us-east-1", deadline=0.5), "a.jpg")
        released.set()
    assert time.monotonic() - started < 5


def test_keys_are_listed_beyond_one_page_and_without_folders(store: S3Store, admin: Any) -> None:
    names = [f"many/{number:02}.jpg" for number in range(2 * PAGE + 5)]
    for name in [*names, "many/", "many/sub/", "manyothers.jpg"]:
        admin.put_object(Bucket="photos", Key=name, Body=b"x")
    calls = calls_of(store)
    assert list(store.keys("photos", "many/")) == names
    assert calls == ["ListObjectsV2"] * 3
    assert list(store.keys("photos", "none/")) == []
    folders = FolderStore({}, otherwise=store)
    assert list(folders.keys("photos", "many/0")) == names[:10]
    assert Locations(folders).images("s3://photos/many/1") == [f"s3://photos/{name}" for name in names[10:20]]


def test_a_bucket_that_cannot_be_listed_is_an_error_that_says_why(store: S3Store) -> None:
    with pytest.raises(ObjectUnavailable, match="bucket nosuchbucket cannot be listed: NoSuchBucket"):
        list(store.keys("nosuchbucket", ""))


def test_a_store_without_a_list_says_so() -> None:
    class ReadOnly:
        def read(self, ref: S3ObjectRef, *, limit: int) -> bytes:
            raise NotImplementedError

    with pytest.raises(ObjectUnavailable, match="ReadOnly has no method keys"):
        list(FolderStore({}, otherwise=ReadOnly()).keys("photos", ""))
