"""Write the inputs that atheris starts from into `fuzz/corpus`: `python -m fuzz.seeds`.

They are small and made here, of each kind that a target knows. Inputs that once crashed a target have other names, and
stay.
"""

from __future__ import annotations

import base64
import io
import json
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from PIL import Image as Pil

from fuzz.objects import BETWEEN
from fuzz.signatures import KEYS, request_of, signed
from fuzz.targets import CORPUS, TARGETS
from visavis.gateway import Request

Seeds = Iterator[tuple[str, bytes]]


def gradient(width: int = 24, height: int = 16) -> Pil.Image:
    x, y = np.meshgrid(np.linspace(0, 255, width), np.linspace(0, 255, height))
    return Pil.fromarray(np.stack([x, y, 255 - x], axis=2).astype(np.uint8))


def encoded(image: Pil.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">L", len(body)) + name + body + struct.pack(">L", zlib.crc32(name + body))


def exif(order: str, kind: int, value: int, count: int = 1, at: int = 8) -> bytes:
    """An EXIF block whose directory has the orientation."""
    mark = b"II*\0" if order == "<" else b"MM\0*"
    width = {1: "B3x", 3: "H2x", 4: "L"}[kind]
    return b"Exif\0\0" + mark + struct.pack(f"{order}LHHHL{width}L", at, 1, 0x0112, kind, count, value, 0)


def images() -> Seeds:
    whole = encoded(gradient(), "JPEG", quality=40)
    yield "jpeg", whole
    for mode in ("L", "CMYK"):
        yield f"jpeg-{mode.lower()}", encoded(gradient().convert(mode), "JPEG", quality=40)
    for subsampling in range(3):
        options = {"subsampling": subsampling, "optimize": True, "restart_marker_blocks": subsampling}
        yield f"jpeg-subsampling-{subsampling}", encoded(gradient(25, 17), "JPEG", quality=40, **options)
    progressive = encoded(gradient(), "JPEG", quality=40, progressive=True)
    yield "jpeg-progressive", progressive
    yield "jpeg-wide", encoded(Pil.new("L", (2600, 8), 90), "JPEG", quality=10)
    for orientation in range(1, 10):
        kind = (1, 3, 4)[orientation % 3]
        block = exif("<>"[orientation % 2], kind, orientation)
        yield f"jpeg-exif-{orientation}", whole[:2] + segment(0xE1, block) + whole[2:]
    yield "jpeg-exif-count", whole[:2] + segment(0xE1, exif(">", 3, 6, count=2**31)) + whole[2:]
    yield "jpeg-exif-outside", whole[:2] + segment(0xE1, exif("<", 3, 6, at=2**31)) + whole[2:]
    markers = {
        "jfif": segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1\0\0"),
        "adobe": segment(0xEE, b"Adobe\0\x64\0\0\0\0\1"),
        "profile": segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(20)),
        "pictures": segment(0xE2, b"MPF\0MM\0*\0\0\0\x08" + b"\xff" * 20),
        "comment": segment(0xFE, b"a comment"),
        "filled": b"\xff" * 7,
        "restart": segment(0xDD, b"\0\1"),
    }
    for name, extra in markers.items():
        yield f"jpeg-{name}", whole[:2] + extra + whole[2:]
    for name, image in (("", whole), ("-progressive", progressive)):
        yield f"jpeg-open{name}", image[:-2]
        yield f"jpeg-padded{name}", image[:-2] + bytes(20)
        yield f"jpeg-cut{name}", image[:-30]
    at = whole.index(b"\xff\xc0")
    yield "jpeg-large", whole[: at + 5] + struct.pack(">HH", 65500, 65500) + whole[at + 9 :]
    yield "jpeg-two-frames", whole[:at] + whole[at : at + 19] + whole[at:]
    yield from pngs()
    for other in ("GIF", "BMP", "WEBP", "TIFF"):
        yield other.lower(), encoded(gradient(8, 8), other)[:300]
    for other in ("heic", "avif", "qt  ", "crx "):
        yield f"box-{other.strip()}", b"\0\0\0\x18ftyp" + other.encode() + b"\0\0\0\0mif1"
    for n, start in enumerate(
        (b"<?xml version='1.0'?><svg/>", b"%PDF-1.7", b"<!doctype html>", b"data:image/png;base64,")
    ):
        yield f"text-{n}", start


def pngs() -> Seeds:
    for mode in ("RGB", "RGBA", "L", "LA", "1", "P", "I;16"):
        picture = gradient().convert("L").convert("I").convert(mode) if mode == "I;16" else gradient().convert(mode)
        yield f"png-{mode.lower().replace(';', '-')}", encoded(picture, "PNG")
    whole = encoded(gradient(), "PNG")
    yield "png-palette-2", encoded(gradient().quantize(4), "PNG", bits=2, transparency=bytes(4))
    for name in (b"tRNS", b"iCCP", b"zTXt", b"iTXt", b"eXIf", b"acTL", b"fdAT", b"PLTE", b"ZZzz"):
        yield f"png-{name.decode().lower()}", whole[:33] + chunk(name, b"a\0\0" + zlib.compress(bytes(60))) + whole[33:]
    yield "png-cut", whole[:-20]
    yield "png-no-end", whole[:-12]
    rows = zlib.compress((b"\0" + bytes(8)) * 40)
    for interlace in (0, 1):
        header = struct.pack(">LLBBBBB", 8, 40, 8, 0, 0, 0, interlace)
        pieces = [chunk(b"IDAT", rows[:9]), chunk(b"IDAT", rows[9:]), chunk(b"IEND", b"")]
        yield f"png-pieces-{interlace}", whole[:8] + chunk(b"IHDR", header) + b"".join(pieces)
    header = struct.pack(">LLBBBBB", 30_000, 30_000, 1, 0, 0, 0, 0)
    yield "png-large", whole[:8] + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def requests() -> Seeds:
    blob = base64.b64encode(b"\xff\xd8\xff\xe0 an image").decode()
    stored = {"S3Object": {"Bucket": "photos", "Name": "a b/é.jpg", "Version": "v1"}}
    compared: dict[str, object] = {
        "bytes": {"SourceImage": {"Bytes": blob}, "TargetImage": {"Bytes": blob[:4]}},
        "stored": {"SourceImage": stored, "TargetImage": {"S3Object": {"Bucket": "b-_.C", "Name": "missing"}}},
        "threshold": {"SourceImage": stored, "TargetImage": stored, "SimilarityThreshold": 12.5},
        "filter": {"SourceImage": stored, "TargetImage": stored, "QualityFilter": "AUTO", "SimilarityThreshold": None},
        "limits": {"SourceImage": stored, "TargetImage": {}, "QualityFilter": "BEST", "SimilarityThreshold": 101},
        "words": {"SourceImage": stored, "TargetImage": stored, "SimilarityThreshold": "NaN"},
        "both": {"SourceImage": {"Bytes": blob} | stored, "TargetImage": {"Bytes": ""}, "Unknown": [1, {}, None, True]},
        "types": {"SourceImage": [stored], "TargetImage": 1, "SimilarityThreshold": "1", "QualityFilter": {}},
        "patterns": {"SourceImage": {"S3Object": {"Bucket": "a b", "Name": ""}}, "TargetImage": {"Bytes": "YR=="}},
        "list": [],
        "empty": {},
    }
    detected: dict[str, object] = {
        "bytes": {"Image": {"Bytes": blob}},
        "stored": {"Image": stored, "Attributes": ["ALL"]},
        "attributes": {"Image": {"Bytes": blob}, "Attributes": ["DEFAULT", "EYE_DIRECTION", "SMILE"]},
        "unknown": {"Image": {"Bytes": blob}, "Attributes": ["Smile", "", 1, None]},
        "surrogate": {"Image": {"S3Object": {"Bucket": "b", "Name": "\ud83d"}}},
    }
    wrong: list[object] = [1, True, "YQ", "Y Q=", "YR==", "a===", ["a"], {"a": 1}, 10**400, "Infinity"]
    for n, value in enumerate(wrong):
        detected[f"blob-{n}"] = {"Image": {"Bytes": value}}
        detected[f"list-{n}"] = {"Image": stored, "Attributes": value}
        detected[f"text-{n}"] = {"Image": {"S3Object": {"Bucket": value, "Name": "n"}}}
        compared[f"float-{n}"] = {"SourceImage": stored, "TargetImage": stored, "SimilarityThreshold": value}
    for operation, first, bodies in (("compare", b"\0", compared), ("detect", b"\1", detected)):
        for name, body in bodies.items():
            yield f"{operation}-{name}", first + json.dumps(body).encode()
    for name, text in {"nested": b'{"a":' + b"[" * 500, "nan": b'{"a":NaN}', "number": b'{"a":1e999,"a":-0}'}.items():
        yield f"json-{name}", b"\0" + text
    yield "json-utf-16", b"\0" + "{}".encode("utf-16")
    yield "json-mark", b"\1\xef\xbb\xbf{}"


def text_of(request: Request) -> bytes:
    """The text that `request_of` reads as this request."""
    query = f"?{request.query}" if request.query else ""
    lines = [f"{request.method} {request.path}{query}", *(f"{name}: {value}" for name, value in request.headers)]
    return "\n".join(lines).encode("latin-1") + b"\n\n" + request.body


def signatures() -> Seeds:
    plain = {
        "plain": b"POST /\n\n",
        "path": b"POST /a/../b%20c//./d~\n\nbody",
        "query": b"POST /?b=1&a=2&a=1&c=%2F\n\nbody",
        "headers": b'POST /\nX-One: a   b\nx-one: c\nX-Amz-Meta: ("x")\nUser-Agent: a/1\n\n\xff\0',
    }
    for name, text in plain.items():
        yield name, text
        for key_id in KEYS:
            yield f"{name}-{key_id[:4].lower()}", text_of(signed(request_of(text), key_id))
    request = signed(request_of(b"POST /\n\n{}"), "AKIDEXAMPLE")
    (_, header), *others = request.headers
    changes = {
        "scope": header.replace("rekognition", "s3").replace("us-east-1", "eu-west-1"),
        "four-parts": header.replace("/aws4_request", ""),
        "terminator": header.replace("aws4_request", "aws4"),
        "unknown-key": header.replace("AKIDEXAMPLE", "AKIDOTHER"),
        "unsorted": header.replace("content-type;host", "host;content-type"),
        "twice": header + ", Signature=0",
        "sigv4a": header.replace("HMAC-SHA256", "ECDSA-P256-SHA256"),
        "empty": "AWS4-HMAC-SHA256 Credential=, SignedHeaders=, Signature=",
    }
    for name, changed in changes.items():
        yield f"header-{name}", text_of(replace(request, headers=(("Authorization", changed), *others)))
    for name, date in {"mail": "Sat, 31 Jan 2026 12:00:00 GMT", "zone": "Sat, 31 Jan 2026 13:00:00 +0100"}.items():
        kept = [(name, value) for name, value in request.headers if name != "X-Amz-Date"]
        yield f"date-{name}", text_of(replace(request, headers=(*kept, ("Date", date))))
    yield "date-early", text_of(request).replace(b"T120000Z\n", b"T110000Z\n")
    yield "s3-get", b"GET /photos/a.jpg?x-id=GetObject\nx-amz-date: 20260131T120000Z\n\n"
    yield "s3-put", b"PUT /photos?list-type=2\n" + f"Authorization: {changes['scope']}".encode() + b"\n\n"
    yield "query", b"POST /\nContent-Type: application/x-www-form-urlencoded\n\nAction=GetCallerIdentity&Version=1"
    yield "query-odd", b"POST /\nContent-Type: application/x-www-form-urlencoded\n\nAction=%00%3C&Action=A"
    yield "presigned", text_of(replace(request, query="X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0"))
    yield "target", b"POST /\nX-Amz-Target: Other_1.Do\x01<>\nContent-Type: text/html\n\n"
    yield "browser", b"GET /\nAccept: text/html\n\n"


def objects() -> Seeds:
    def response(status: int, body: bytes = b"", **headers: object) -> bytes:
        lines = [
            f"HTTP/1.1 {status} Reason",
            *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + body

    head = response(200, Content_Length=5, ETag='"x"', Last_Modified="Sat, 31 Jan 2026 12:00:00 GMT")
    error = b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code><Message>no</Message><Key>k</Key></Error>'
    listed = (
        b"<ListBucketResult><Name>photos</Name><IsTruncated>false</IsTruncated><NextContinuationToken>t"
        b"</NextContinuationToken><Contents><Key>a%2Fb.jpg</Key><Size>1</Size></Contents><Contents><Key>c/</Key>"
        b"</Contents><EncodingType>url</EncodingType></ListBucketResult>"
    )
    chunks = b"3;a=b\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: 1\r\n\r\n"
    sent = {
        "whole": [head, response(200, b"hello", Content_Length=5)],
        "chunked": [head, response(200, chunks, Transfer_Encoding="chunked")],
        "until-end": [response(200), response(200, b"hello")],
        "old": [b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\nContent-Length: 1\n\nh"],
        "cut": [head, response(200, b"hel", Content_Length=5)],
        "chunks-cut": [head, response(200, chunks[:9], Transfer_Encoding="chunked")],
        "large": [response(200, Content_Length=1001)],
        "grown": [head, response(200, b"hello" * 300, Content_Length=1500)],
        "continue": [b"HTTP/1.1 100 Continue\r\n\r\n" + head, b"HTTP/1.1 100 Continue\r\n\r\n" + head + b"hello"],
        "checksum": [head, response(200, b"hello", Content_Length=5, x_amz_checksum_crc32="NhCmhg==")],
        "bad-checksum": [head, response(200, b"hello", Content_Length=5, x_amz_checksum_crc32="AAAAAA==")],
        "encoded": [head, response(200, b"hello", Content_Length=5, Content_Encoding="gzip")],
        "metadata": [response(200, Content_Length=5, x_amz_meta_a="=?utf-8?q?x?=", Expires="never"), head + b"hello"],
        "part": [head, response(206, b"hello", Content_Length=5, Content_Range="bytes 0-4/9")],
        "no-content": [response(204), response(204)],
        "missing": [response(404)],
        "forbidden": [head, response(403, error, Content_Length=len(error))],
        "error-as-success": [head, response(200, error, Content_Length=len(error))],
        "not-xml": [head, response(400, b"<Error><Code>", Content_Length=13)],
        "page": [head, response(500, b"<html>no</html>", Content_Length=15)] * 2,
        "slow-down": [response(503), head, response(503, error.replace(b"NoSuchKey", b"SlowDown")), head + b"hello"],
        "moved": [response(301, x_amz_bucket_region="eu-west-1"), response(200), head, head + b"hello"],
        "redirect": [response(307, Location="http://127.0.0.1/x"), head],
        "length": [response(200, Content_Length=-1), response(200, b"hello", Content_Length="5, 5")],
        "status-300": [head, response(300, Content_Length=5)],
        "list": [response(200, listed, Content_Length=len(listed))],
        "list-pages": [response(200, listed.replace(b"false", b"true"), Content_Length=len(listed) - 1)] * 2,
        "list-cut": [response(200, listed[:90], Content_Length=90)],
        "nothing": [b"", b""],
        "noise": [b"SSH-2.0-x\r\n", b"\xff\0"],
    }
    for name, parts in sent.items():
        yield name, BETWEEN.join(parts)


def credentials() -> Seeds:
    key = '[[keys]]\naccess_key_id = "AKIDEXAMPLE"\nsecret_access_key = "a-long+secret/text"\n'
    arn = '{ Effect = "Deny", Action = ["s3:Get*"], Resource = "arn:aws:s3:::a/[*]?" }'
    policy = '{ Effect = "Allow", Action = "rekognition:Compare*", Resource = "*" }'
    fields = [
        "expires = 2030-01-01T00:00:00+01:00",
        'user = "door"',
        'account_id = "123456789012"',
        f"policy = [{arn}]",
    ]
    texts = {
        "one": key,
        "two": key + key.replace("AKID", "ASIA") + 'session_token = "another/secret"\n',
        "all": key + "\n".join(fields),
        "policy": f'{key}policy = {{ Version = "2012-10-17", Statement = {policy} }}\n',
        "policies": f"{key}policy = [{policy}, {arn}]\n",
        "policy-text": f"{key}policy = '''{policy}'''\n",
        "inline": 'keys = [{access_key_id = "A", secret_access_key = "x"}]',
        "twice": key + key,
        "local-time": f"{key}expires = 2030-01-01T00:00:00\n",
        "date": f"{key}expires = 2030-01-01\n",
        "first-year": f"{key}expires = 0001-01-01T00:00:00+14:00\n",
        "unknown": f"{key}secret = 1\n",
        "number": key.replace('"a-long+secret/text"', "0x1f"),
        "escapes": key.replace("a-long", r"\u00e9\U0001F600\t"),
        "comment": f"# \u00e9\r\n{key}\r\n",
        "half": key[:50],
        "table": "[keys]\na.b.'c d' = [1, 2.5, inf, true, [ ], {}]\n",
        "nested": "keys = " + "[" * 2000,
        "nothing": "",
        "dotted": 'keys.x = 1\n[a]\n"" = """x\\\n  y"""',
    }
    for name, text in texts.items():
        yield name, text.encode()
    yield "latin-1", b"# \xe9"


def main() -> None:
    made = {
        "images": images,
        "requests": requests,
        "signatures": signatures,
        "objects": objects,
        "credentials": credentials,
    }
    for name in TARGETS:
        folder = CORPUS / name
        folder.mkdir(parents=True, exist_ok=True)
        for seed, data in made[name]():
            (folder / seed).write_bytes(data)


if __name__ == "__main__":
    main()
