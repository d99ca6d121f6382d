"""The S3 store against servers that send slowly or without end: each read ends, and leaves nothing behind."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.contract.serving import HEADERS, Reply, ask, error_of, process, until
from tests.contract.test_s3 import credentials  # noqa: F401 - a fixture
from visavis.api.calls import Calls
from visavis.api.images import S3ObjectRef
from visavis.api.objects import OBJECT_LIMIT, FolderStore, for_request
from visavis.api.s3 import S3Store
from visavis.api.s3_connections import BODY_LIMIT, HEAD_LIMIT
from visavis.errors import ImageTooLarge, ObjectUnavailable

REF = S3ObjectRef("photos", "a.jpg")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nLast-Modified: Mon, 04 May 2026 10:00:00 GMT\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
POOL = 10  # connections that boto3 keeps for the next reads, such as those of a HEAD behind which the time was over
BUFFERS = 14 * 1024 * 1024  # what the system takes from a sender without a reader, and some more


class Connection:
    """One request to a store that misbehaves, and how it is answered."""

    def __init__(self, sock: socket.socket, method: str, over: threading.Event) -> None:
        self.method = method
        self.sent = 0
        self._sock = sock
        self._over = over

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)
        self.sent += len(data)

    def drip(self, data: bytes) -> None:
        """A byte every 50 ms, a hundred times as often as the store's time for a wait would allow."""
        for i in range(len(data)):
            self.send(data[i : i + 1])
            self.hang(0.05)

    def hang(self, seconds: float = 60) -> None:
        if self._over.wait(seconds):
            raise OSError

    def wait(self) -> None:
        """Until the other side closes."""
        while self._sock.recv(65536):
            pass

    def reset(self) -> None:
        self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def pour(self, data: bytes) -> None:
        data *= 65536 // len(data)
        for _ in range(1024 * 1024 * 1024 // len(data)):
            self.send(data)


Answer = Callable[[Connection], None]


class Store:
    """Listens on the loopback; gives each request to `answer`, which may do with the connection what it likes."""

    def __init__(self, answer: Answer, context: ssl.SSLContext | None = None) -> None:
        self.asked: list[Connection] = []
        self._answer = answer
        self._context = context
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http{'s' if context else ''}://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, name="fake store", daemon=True).start()

    def close(self) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), name="fake store", daemon=True).start()

    def _serve(self, raw: socket.socket) -> None:
        sock = raw
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock = self._context.wrap_socket(raw, server_side=True) if self._context else raw
            while b"\r\n\r\n" not in (request := sock.recv(65536)):
                if not request:
                    return
            connection = Connection(sock, request.split()[0].decode(), self._over)
            self.asked.append(connection)
            self._answer(connection)
        except OSError:
            pass
        finally:
            sock.close()


@contextmanager
def store(answer: Answer, context: ssl.SSLContext | None = None) -> Iterator[Store]:
    with closing(Store(answer, context)) as fake:
        yield fake


def after_head(answer: Answer) -> Answer:
    """Answers HEAD as it should be, and GET with `answer`."""
    return lambda connection: connection.send(HEAD) if connection.method == "HEAD" else answer(connection)


def drip_the_end(start: bytes, rest: bytes = b"x" * 10_000) -> Answer:
    def answer(connection: Connection) -> None:
        connection.send(start)
        connection.drip(rest)

    return answer


def pour(start: bytes, data: bytes) -> Answer:
    def answer(connection: Connection) -> None:
        connection.send(start)
        connection.pour(data)

    return answer


def send_and_wait(data: bytes) -> Answer:
    def answer(connection: Connection) -> None:
        connection.send(data)
        connection.wait()

    return answer


def send_and_reset(data: bytes) -> Answer:
    def answer(connection: Connection) -> None:
        connection.send(data)
        connection.hang(0.1)
        connection.reset()

    return answer


HANGING: dict[str, Answer] = {
    "silent": Connection.wait,
    "silent after the status": send_and_wait(HEAD[:17]),
    "silent body": after_head(send_and_wait(HEAD)),
    "dripping status": drip_the_end(b"", b"HTTP/1.1 200 " + b"x" * 10_000),
    "dripping header": drip_the_end(HEAD[:17] + b"X-Slow: "),
    "dripping headers": drip_the_end(HEAD[:17], b"X: y\r\n" * 1000),
    "continue for ever": drip_the_end(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "dripping body": after_head(drip_the_end(HEAD)),
    "dripping body without a length": after_head(drip_the_end(b"HTTP/1.1 200 OK\r\n\r\n")),
    "dripping chunks": after_head(drip_the_end(CHUNKED, b"1\r\nx\r\n" * 1000)),
    "dripping length of a chunk": after_head(drip_the_end(CHUNKED, b"0" * 10_000)),
    "dripping error": after_head(drip_the_end(b"HTTP/1.1 400 Bad\r\nContent-Length: 9999\r\n\r\n<Error>")),
}


def read(url: str, **options: Any) -> bytes:
    return S3Store(endpoint_url=url, region="us-east-1", **options).read(REF, limit=OBJECT_LIMIT)


@pytest.mark.slow
@pytest.mark.parametrize("answer", HANGING.values(), ids=HANGING.keys())
def test_a_read_ends_at_its_deadline_however_slowly_the_store_sends(answer: Answer) -> None:
    started = time.monotonic()
    with store(answer) as fake:
        with pytest.raises(ObjectUnavailable, match=r"unreachable: it did not arrive within 0\.5 seconds$"):
            read(fake.url, deadline=0.5)
        assert time.monotonic() - started < 8  # less than the 10 seconds of one wait
        # The connection is closed too, while the store still sends, and no other is made.
        until(lambda: fake_store_threads() == 1, 8)
        assert len(fake.asked) <= 2


def fake_store_threads() -> int:
    return sum(thread.name == "fake store" for thread in threading.enumerate())


@pytest.mark.slow
def test_a_read_over_tls_ends_at_its_deadline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = tls(tmp_path / "certificate.pem")
    monkeypatch.setenv("AWS_CA_BUNDLE", str(tmp_path / "certificate.pem"))
    with store(after_head(lambda connection: connection.send(HEAD + b"x" * 1000)), context) as good:
        assert read(good.url) == b"x" * 1000
    for name in ("silent", "dripping header", "dripping body"):
        started = time.monotonic()
        with store(HANGING[name], context) as fake:
            with pytest.raises(ObjectUnavailable, match="did not arrive within"):
                read(fake.url, deadline=0.5)
            assert time.monotonic() - started < 8
            until(lambda: fake_store_threads() == 1, 8)


def tls(file: Path) -> ssl.SSLContext:
    """A server's context, whose certificate is written to `file`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "store")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    file.with_suffix(".key").write_bytes(private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, file.with_suffix(".key"))
    return context


def test_a_store_that_never_accepts_is_left_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(ObjectUnavailable, match="did not arrive within"):
            read(url, deadline=0.2)


def test_a_name_server_that_is_slow_is_left_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def look_up(*_: object, **__: object) -> list[Any]:
        released.wait(20)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    started = time.monotonic()
    with pytest.raises(ObjectUnavailable, match="did not arrive within"):
        read("http://store.example:9000", deadline=0.2)
    assert time.monotonic() - started < 8
    released.set()


POURING: dict[str, Answer] = {
    "a status": pour(b"HTTP/1.1 200 ", b"x"),
    "a header": pour(HEAD[:17] + b"X: ", b"x"),
    "headers": pour(HEAD[:17], b"X: y\r\n"),
    "headers as long as may be": pour(HEAD[:17], b"X: " + b"y" * 60_000 + b"\r\n"),
    "continue": pour(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "the length of a chunk": after_head(pour(CHUNKED, b"0")),
    "an error": after_head(pour(b"HTTP/1.1 400 Bad\r\n\r\n<Error>", b"<a/>")),
    "an error in chunks": after_head(pour(b"HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\n", b"4\r\n<a/>\r\n")),
}


@pytest.mark.parametrize("answer", POURING.values(), ids=POURING.keys())
def test_an_endless_response_is_left_at_its_limit(answer: Answer) -> None:
    with store(answer) as fake:
        with pytest.raises(ObjectUnavailable) as caught:
            read(fake.url, deadline=60)
        assert "did not arrive" not in str(caught.value)
        until(lambda: fake_store_threads() == 1)
    limit = BODY_LIMIT if answer is POURING["the length of a chunk"] else HEAD_LIMIT
    assert max(connection.sent for connection in fake.asked) < limit + BUFFERS


@pytest.mark.slow
def test_small_chunks_are_no_way_around_the_limit_of_an_object() -> None:
    with (
        store(after_head(pour(CHUNKED, b"10\r\n0123456789abcdef\r\n"))) as fake,
        pytest.raises((ImageTooLarge, ObjectUnavailable)),
    ):
        read(fake.url, deadline=60)
    assert max(connection.sent for connection in fake.asked) < BODY_LIMIT + BUFFERS


@pytest.mark.parametrize(
    "answer",
    [
        send_and_reset(b""),
        send_and_reset(HEAD[:30]),
        after_head(send_and_reset(HEAD + b"half")),
        after_head(lambda connection: connection.send(HEAD + b"half")),
        after_head(lambda connection: connection.send(CHUNKED + b"5\r\nhalf")),
        after_head(lambda connection: connection.send(CHUNKED + b"no number\r\n")),
        after_head(lambda connection: connection.send(b"HTTP/1.1 400 Bad\r\n\r\n<Error></Error>")),
        after_head(lambda connection: connection.send(b"HTTP/1.1 400 Bad\r\n\r\n<Error><Code/></Error>")),
        after_head(lambda connection: connection.send(b"HTTP/1.1 400 Bad\r\n\r\n<Error>")),
        after_head(lambda connection: connection.send(b"HTTP/1.1 400 Bad\r\n\r\n<Other/>")),
        lambda connection: connection.send(HEAD.replace(b"1000", b"1" * 5000)),
        lambda connection: connection.send(HEAD.replace(b"2026", b"9" * 30)),
        lambda connection: connection.send(HEAD.replace(b"Mon, 04 May 2026 10:00:00 GMT", b"9" * 300)),
    ],
)
def test_a_response_that_breaks_off_or_makes_no_sense_is_no_object(answer: Answer) -> None:
    with store(answer) as fake, pytest.raises(ObjectUnavailable):
        read(fake.url, deadline=20)


def test_a_long_code_of_an_error_is_cut_off() -> None:
    code = b"HTTP/1.1 400 Bad\r\n\r\n<Error><Code>" + b"x" * 10_000 + b"</Code></Error>"
    with store(after_head(lambda connection: connection.send(code))) as fake:
        with pytest.raises(ObjectUnavailable) as caught:
            read(fake.url)
        assert len(str(caught.value)) < 200


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400])
def test_redirects_are_not_followed_for_ever_nor_to_another_host(status: int) -> None:
    with store(lambda connection: connection.send(HEAD)) as other:

        def redirect(connection: Connection) -> None:
            location = f"Location: {other.url}/photos/a.jpg\r\nx-amz-bucket-region: eu-west-{len(fake.asked)}\r\n"
            connection.send(f"HTTP/1.1 {status} Moved\r\nContent-Length: 0\r\n{location}\r\n".encode())

        with store(redirect) as fake:
            with pytest.raises(ObjectUnavailable):
                read(fake.url)
            assert len(fake.asked) <= 3
        assert other.asked == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["silent", "dripping header", "dripping body"])
def test_a_hundred_reads_that_hang_leave_no_thread_and_no_descriptor(name: str) -> None:
    def attempt(_: int) -> None:
        with pytest.raises(ObjectUnavailable):
            objects.read(REF, limit=OBJECT_LIMIT)

    with store(HANGING[name]) as fake:
        objects = S3Store(endpoint_url=fake.url, region="us-east-1", deadline=0.3)
        attempt(0)
        until(lambda: fake_store_threads() == 1)
        before = threading.active_count(), descriptors()
        with ThreadPoolExecutor(20) as pool:
            list(pool.map(attempt, range(100)))
        until(lambda: threading.active_count() <= before[0])
        until(lambda: descriptors() <= before[1] + POOL)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir())) if sys.platform == "linux" else 0


def test_the_objects_of_a_request_have_one_deadline() -> None:
    with store(HANGING["dripping header"]) as fake:
        objects = for_request(FolderStore({}, otherwise=S3Store(endpoint_url=fake.url, deadline=0.3, region="x")))
        for _ in range(2):
            with pytest.raises(ObjectUnavailable, match="did not arrive within"):
                objects.read(REF, limit=OBJECT_LIMIT)
        assert len(fake.asked) == 1


def test_a_list_that_hangs_is_left_at_the_deadline() -> None:
    with store(HANGING["dripping header"]) as fake:
        objects = S3Store(endpoint_url=fake.url, region="us-east-1", deadline=0.3)
        with pytest.raises(ObjectUnavailable, match="cannot be listed: it did not arrive within"):
            list(objects.keys("photos", ""))


def test_a_list_that_makes_no_sense_is_no_list() -> None:
    text = b"HTTP/1.1 200 OK\r\n\r\n<ListBucketResult><Contents><Size>1</Size></Contents></ListBucketResult>"
    with store(lambda connection: connection.send(text)) as fake, pytest.raises(ObjectUnavailable, match="KeyError"):
        list(S3Store(endpoint_url=fake.url, region="us-east-1").keys("photos", ""))


def test_a_childs_reads_are_not_held_up_by_those_of_its_parent() -> None:
    objects = S3Store(endpoint_url="http://store.internal:9000", region="us-east-1", most_reads=1)
    objects._calls = Calls(0)
    objects.renew()
    assert objects._calls.run(lambda: "done", time.monotonic() + 20) == "done"


@pytest.mark.slow
def test_while_a_store_hangs_the_server_answers_other_requests() -> None:
    image = {"Bytes": base64.b64encode(b"faces=1").decode()}
    stored = {"S3Object": {"Bucket": REF.bucket, "Name": REF.name}}

    def compare(source: object, target: object) -> Reply:
        body = json.dumps({"SourceImage": source, "TargetImage": target})
        return ask(int(url.rpartition(":")[2]), body=body, headers=HEADERS)

    options = ["--cli", "--s3-endpoint-url", "", "--s3-seconds", "8", "--workers", "3"]
    with store(HANGING["dripping header"]) as fake, ThreadPoolExecutor(3) as pool:
        options[2] = fake.url
        with process(*options) as (_, url):
            hanging = [pool.submit(compare, stored, stored) for _ in range(2)]
            until(lambda: len(fake.asked) == 2)
            assert compare(image, image).status == 200
            refused = pool.submit(compare, stored, image)  # the last worker waits for 5 seconds and is free again
            assert error_of(refused.result(15)) == "ThrottlingException"
            assert not any(one.done() for one in hanging)
            assert error_of(compare(stored, image)) == "ThrottlingException"  # at once
            assert compare(image, image).status == 200
            assert {error_of(one.result(15)) for one in hanging} == {"InvalidS3ObjectException"}
