"""moto beside visavis: its mock_aws leaves our clients alone, and its S3 in this process is one that S3Store reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

import visavis
from tests.contract.serving import MadeUpEngine
from visavis import boto3_client

REGION = "us-east-1"
S3_IMAGES = {name: {"S3Object": {"Bucket": "photos", "Name": f"{name} 1.jpg"}} for name in ("source", "target")}


@pytest.fixture(autouse=True)
def nothing_is_configured(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_DEFAULT_REGION",
    ):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path_factory.getbasetemp() / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    monkeypatch.setattr(boto3_client, "_engine", lambda _: MadeUpEngine())


def made() -> Any:
    return visavis.client()


def patched() -> Any:
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    return visavis.patch(boto3.Session(region_name=REGION, **keys).client("rekognition"))


def faces_of(client: Any, **images: Any) -> int:
    images = images or {"SourceImage": {"Bytes": b"source"}, "TargetImage": {"Bytes": b"faces=3"}}
    return len(client.compare_faces(**images)["FaceMatches"])


def from_bucket(client: Any) -> int:
    return faces_of(client, SourceImage=S3_IMAGES["source"], TargetImage=S3_IMAGES["target"])


@pytest.mark.parametrize("make", [made, patched])
def test_a_client_is_answered_by_visavis_wherever_it_is_made_and_used(make: Callable[[], Any]) -> None:
    outside = make()
    with mock_aws():
        assert faces_of(outside) == 3
        inside = make()
        assert faces_of(inside) == 3
    assert faces_of(inside) == faces_of(outside) == 3


@pytest.mark.parametrize("make", [made, patched])
@mock_aws
def test_a_decorated_function_is_answered_by_visavis(make: Callable[[], Any]) -> None:
    assert faces_of(make()) == 3


@mock_aws
def test_what_is_not_patched_stays_motos() -> None:
    made()
    patched()
    answer = boto3.client("rekognition", region_name=REGION).compare_faces(
        SourceImage={"Bytes": b"x"}, TargetImage={"Bytes": b"x"}
    )
    assert answer["FaceMatches"][0]["Similarity"] == 100  # a constant of moto's
    assert boto3.client("dynamodb", region_name=REGION).list_tables()["TableNames"] == []


@pytest.fixture
def bucket() -> Iterator[Any]:
    """A bucket of moto's in this process."""
    with mock_aws():
        s3 = boto3.client("s3", region_name=REGION)
        s3.create_bucket(Bucket="photos")
        s3.put_object(Bucket="photos", Key="source 1.jpg", Body=b"source")
        s3.put_object(Bucket="photos", Key="target 1.jpg", Body=b"faces=2")
        yield s3


@pytest.mark.parametrize("region", [REGION, None])
def test_an_s3_store_that_is_made_under_mock_aws_reads_motos_buckets(bucket: Any, region: str | None) -> None:
    assert from_bucket(visavis.client(objects=visavis.S3Store(region=region))) == 2


def test_an_object_that_moto_lacks_is_an_invalid_s3_object(bucket: Any) -> None:
    bucket.delete_object(Bucket="photos", Key="target 1.jpg")
    client = visavis.client(objects=visavis.S3Store(region=REGION))
    with pytest.raises(client.exceptions.InvalidS3ObjectException):
        from_bucket(client)


def test_a_version_that_moto_keeps_is_read(bucket: Any) -> None:
    bucket.put_bucket_versioning(Bucket="photos", VersioningConfiguration={"Status": "Enabled"})
    first = bucket.put_object(Bucket="photos", Key="a", Body=b"faces=5")["VersionId"]
    bucket.put_object(Bucket="photos", Key="a", Body=b"faces=1")
    target = {"S3Object": {"Bucket": "photos", "Name": "a", "Version": first}}
    client = visavis.client(objects=visavis.S3Store(region=REGION))
    assert faces_of(client, SourceImage={"Bytes": b"source"}, TargetImage=target) == 5


def test_a_store_made_before_mock_aws_has_the_keys_of_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client looks for keys when it is made, so without any the store has to be made while mock_aws is active."""
    without = visavis.S3Store(region=REGION)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    with_keys = visavis.S3Store(region=REGION)
    with mock_aws():
        s3 = boto3.client("s3", region_name=REGION)
        s3.create_bucket(Bucket="photos")
        for name in ("source", "target"):
            s3.put_object(Bucket="photos", Key=f"{name} 1.jpg", Body=b"faces=2")
        assert from_bucket(visavis.client(objects=with_keys)) == 2
        with pytest.raises(ClientError, match="InvalidS3ObjectException"):
            from_bucket(visavis.client(objects=without))
