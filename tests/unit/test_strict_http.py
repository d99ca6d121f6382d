"""Requests that two parsers could read in two ways, and those that only look like it."""

import h11
import pytest

from visavis.server.strict_http import StrictParser

HOST = b"Host: h\r\n"
CHUNKED = b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"


def parse(data: bytes, size: int = 10_000) -> bytes:
    """The body of the request in `data`, which arrives `size` bytes at a time."""
    parser, body = StrictParser(), b""
    for start in range(0, len(data), size):
        parser.receive_data(data[start : start + size])
        while True:
            event = parser.next_event()
            if isinstance(event, h11.EndOfMessage):
                return body
            if isinstance(event, h11.Data):
                body += event.data
            if event is h11.NEED_DATA:
                break
    raise AssertionError("the request has no end")


AMBIGUOUS = {
    "both lengths": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "both, other case": b"POST / HTTP/1.1\r\n" + HOST + b"transfer-encoding: chunked\r\nCONTENT-LENGTH: 5\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "one length twice": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab",
    "a list of lengths": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 2, 2\r\n\r\nab",
    "a signed length": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +2\r\n\r\nab",
    "a length in hex": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 0x2\r\n\r\nab",
    "another coding": b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": CHUNKED.replace(b"1.1", b"1.0") + b"0\r\n\r\n",
    "a space before the colon": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length : 2\r\n\r\nab",
    "a header on two lines": b"POST / HTTP/1.1\r\n" + HOST + b"X: 1\r\n Content-Length: 2\r\n\r\n",
    "a header on two lines, by a tab": b"POST / HTTP/1.1\r\n" + HOST + b"X: 1\r\n\tmore\r\n\r\n",
    "lines without CR": b"POST / HTTP/1.1\n" + HOST + b"Content-Length: 2\r\n\r\nab",
    "an end without CR": b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\nab",
    "a CR in a header": b"POST / HTTP/1.1\r\n" + HOST + b"X: 1\rY: 2\r\n\r\n",
    "a NUL in a header": b"POST / HTTP/1.1\r\n" + HOST + b"X: 1\0\r\n\r\n",
    "two hosts": b"POST / HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
    "no host": b"POST / HTTP/1.1\r\n\r\n",
    "another version": b"POST / HTTP/1.2\r\n" + HOST + b"\r\n",
    "two spaces": b"POST  / HTTP/1.1\r\n" + HOST + b"\r\n",
    "a chunk of 0x5": CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n",
    "a chunk of +5": CHUNKED + b"+5\r\nhello\r\n0\r\n\r\n",
    "a chunk of -1": CHUNKED + b"-1\r\nhello\r\n0\r\n\r\n",
    "a chunk of a space and 5": CHUNKED + b" 5\r\nhello\r\n0\r\n\r\n",
    "a chunk of 5 and a space": CHUNKED + b"5 \r\nhello\r\n0\r\n\r\n",
    "a chunk without size": CHUNKED + b"\r\nhello\r\n0\r\n\r\n",
    "a chunk of 17 digits": CHUNKED + b"0" * 16 + b"5\r\nhello\r\n0\r\n\r\n",
    "a size without CR": CHUNKED + b"5\nhello\r\n0\r\n\r\n",
    "a CR in an extension": CHUNKED + b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "a chunk longer than its size": CHUNKED + b"4\r\nhello\r\n0\r\n\r\n",
    "an end of the body without CR": CHUNKED + b"5\r\nhello\r\n0\r\n\n",
    "a trailer": CHUNKED + b"5\r\nhello\r\n0\r\nX: 1\r\n\r\n",
    "a trailer that ends without CR": CHUNKED + b"0\r\nX: 1\n\n",
}


@pytest.mark.parametrize("size", [10_000, 1])
@pytest.mark.parametrize("what", AMBIGUOUS)
def test_a_request_that_can_be_read_in_two_ways_is_refused(what: str, size: int) -> None:
    with pytest.raises(h11.RemoteProtocolError):
        parse(AMBIGUOUS[what], size)


@pytest.mark.parametrize("size", [10_000, 1, 7])
@pytest.mark.parametrize(
    "data",
    [
        b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello",
        b"POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello",
        CHUNKED + b"5\r\nhello\r\n0\r\n\r\n",
        CHUNKED + b"5;name=value\r\nhello\r\n000\r\n\r\n",
        CHUNKED + b"2\r\nhe\r\n3; x\r\nllo\r\n0\r\n\r\n",
    ],
)
def test_a_request_that_is_clear_is_read_however_it_arrives(data: bytes, size: int) -> None:
    assert parse(data, size) == b"hello"


def test_line_ends_within_a_body_are_its_own() -> None:
    text = b"0\r\n\r\n\n\n\r\n5\r\n"
    assert parse(CHUNKED + b"%x\r\n" % len(text) + text + b"\r\n0\r\n\r\n") == text


def test_chunks_may_be_small_if_they_are_few_and_many_if_they_are_not_small() -> None:
    assert parse(CHUNKED + b"1\r\nx\r\n" * 256 + b"0\r\n\r\n") == b"x" * 256
    large = b"400\r\n" + bytes(1024) + b"\r\n"
    assert len(parse(CHUNKED + large * 1000 + b"0\r\n\r\n")) == 1_024_000
    with pytest.raises(h11.RemoteProtocolError, match="the body has 257 chunks for 257 bytes; send larger chunks"):
        parse(CHUNKED + b"1\r\nx\r\n" * 300 + b"0\r\n\r\n")


def test_what_is_wrong_is_kept_for_the_response() -> None:
    parser = StrictParser()
    parser.receive_data(AMBIGUOUS["both lengths"])
    with pytest.raises(h11.RemoteProtocolError):
        parser.next_event()
    assert parser.fault == "there must not be both Content-Length and Transfer-Encoding"
