"""A photograph in a bucket of moto's is compared as its bytes are."""

from __future__ import annotations

import boto3
from moto import mock_aws

import visavis
from tests.conftest import PHOTOS


@mock_aws
def test_photographs_in_motos_s3_are_compared_as_their_bytes_are() -> None:
    s3 = boto3.client("s3", region_name="us-east-1")
    s3.create_bucket(Bucket="photos")
    names = {"SourceImage": "ardern_2018.jpg", "TargetImage": "ardern_2022.jpg"}
    for name in names.values():
        s3.upload_file(str(PHOTOS / name), "photos", name)
    client = visavis.client(objects=visavis.S3Store(region="us-east-1"))
    objects = {part: {"S3Object": {"Bucket": "photos", "Name": name}} for part, name in names.items()}
    files = {part: {"Bytes": (PHOTOS / name).read_bytes()} for part, name in names.items()}
    of_objects, of_files = client.compare_faces(**objects), client.compare_faces(**files)
    assert of_objects["FaceMatches"][0]["Similarity"] > 99.9
    assert of_objects["FaceMatches"] == of_files["FaceMatches"]
