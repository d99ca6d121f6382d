import os
import sys
from pathlib import Path

import pytest

from visavis.api.errors import to_wire
from visavis.api.images import S3ObjectRef
from visavis.api.objects import FolderStore, NoStore, ObjectStore
from visavis.errors import ImageTooLarge, ObjectUnavailable, SettingsError

LIMIT = 100


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bucket, and outside it a file that no key may reach."""
    (tmp_path / "secret.jpg").write_bytes(b"secret")
    bucket = tmp_path / "bucket"
    (bucket / "team").mkdir(parents=True)
    (bucket / "a.jpg").write_bytes(b"a")
    (bucket / "team" / "b.jpg").write_bytes(b"b")
    return bucket


class Elsewhere:
    def read(self, ref: S3ObjectRef, *, limit: int) -> bytes:
        return f"{ref.bucket}/{ref.name} up to {limit}".encode()


def read(folder: Path, name: str, version: str | None = None) -> bytes:
    return FolderStore({"photos": folder}).read(S3ObjectRef("photos", name, version), limit=LIMIT)


def test_a_key_is_a_path_in_the_folder(folder: Path) -> None:
    assert (read(folder, "a.jpg"), read(folder, "team/b.jpg")) == (b"a", b"b")


@pytest.mark.skipif(sys.getfilesystemencoding() != "utf-8", reason="the file system cannot name such files")
@pytest.mark.parametrize(
    "name", ["é", "e\u0301", "фото 1.jpg", "😀", "a+b%20c?d#e.jpg", "a:b\\c", "line\nbreak", " ", "..."]
)
def test_a_key_may_have_any_character(folder: Path, name: str) -> None:
    (folder / name).write_bytes(name.encode())
    assert read(folder, name) == name.encode()


@pytest.mark.parametrize(
    "name",
    [
        "missing.jpg",
        "team",
        "team/",
        "",
        "/",
        ".",
        "..",
        "../secret.jpg",
        "team/../../secret.jpg",
        "team/../a.jpg",
        "./a.jpg",
        "team//b.jpg",
        "/a.jpg",
        "/etc/hostname",
        "a.jpg/",
        "a.jpg/x",
        "a.jpg\0",
        "A.JPG/..",
        "n" * 1024,
        "\udc80",
    ],
)
def test_a_key_that_names_no_file_in_the_folder_finds_nothing(folder: Path, name: str) -> None:
    with pytest.raises(ObjectUnavailable):
        read(folder, name)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing.jpg", "No such file or directory"),
        ("../secret.jpg", "the key is not a plain path"),
        ("team", "the key leads out of the folder, or to something other than a file"),
        ("nul\0.jpg", "ValueError"),
    ],
)
def test_the_text_has_the_reason_and_the_caller_is_told_the_same_of_each(folder: Path, name: str, reason: str) -> None:
    with pytest.raises(ObjectUnavailable) as caught:
        read(folder, name)
    assert str(caught.value) == f"the object in bucket photos is missing, forbidden or unreachable: {reason}"
    assert to_wire(caught.value).args == to_wire(ObjectUnavailable("another")).args


def test_a_link_out_of_the_folder_is_not_followed(folder: Path) -> None:
    (folder / "link.jpg").symlink_to(folder.parent / "secret.jpg")
    (folder / "up").symlink_to(folder.parent)
    for name in ["link.jpg", "up/secret.jpg"]:
        with pytest.raises(ObjectUnavailable):
            read(folder, name)


def test_a_folder_whose_name_only_starts_alike_is_outside(folder: Path) -> None:
    (folder.parent / "bucket-two").mkdir()
    (folder.parent / "bucket-two" / "a.jpg").write_bytes(b"other")
    (folder / "link.jpg").symlink_to(folder.parent / "bucket-two" / "a.jpg")
    with pytest.raises(ObjectUnavailable):
        read(folder, "link.jpg")


def test_a_link_within_the_folder_is_followed(folder: Path) -> None:
    (folder / "link.jpg").symlink_to(folder / "team" / "b.jpg")
    assert read(folder, "link.jpg") == b"b"


def test_a_folder_may_itself_be_a_link(folder: Path) -> None:
    (folder.parent / "alias").symlink_to(folder)
    assert read(folder.parent / "alias", "a.jpg") == b"a"


def test_a_link_to_itself_finds_nothing(folder: Path) -> None:
    (folder / "loop").symlink_to(folder / "loop")
    with pytest.raises(ObjectUnavailable):
        read(folder, "loop")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "pipe.jpg")
    with pytest.raises(ObjectUnavailable):
        read(folder, "pipe.jpg")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="nothing is forbidden to this user")
def test_a_forbidden_file_is_the_same_as_a_missing_one(folder: Path) -> None:
    (folder / "a.jpg").chmod(0)
    with pytest.raises(ObjectUnavailable):
        read(folder, "a.jpg")


def test_a_folder_has_no_versions(folder: Path) -> None:
    with pytest.raises(ObjectUnavailable):
        read(folder, "a.jpg", version="null")


def test_an_object_may_have_the_limit_and_not_a_byte_more(folder: Path) -> None:
    (folder / "full.jpg").write_bytes(bytes(LIMIT))
    (folder / "over.jpg").write_bytes(bytes(LIMIT + 1))
    assert len(read(folder, "full.jpg")) == LIMIT
    with pytest.raises(ImageTooLarge):
        read(folder, "over.jpg")


def test_an_empty_object_is_read_as_no_bytes(folder: Path) -> None:
    (folder / "empty.jpg").touch()
    assert read(folder, "empty.jpg") == b""


def test_a_bucket_that_is_no_folder_is_asked_of_the_other_store(folder: Path) -> None:
    store = FolderStore({"photos": folder}, otherwise=Elsewhere())
    assert store.read(S3ObjectRef("photos", "a.jpg"), limit=LIMIT) == b"a"
    assert store.read(S3ObjectRef("other", "k"), limit=LIMIT) == b"other/k up to 100"


def test_a_key_missing_in_a_folder_is_not_asked_of_the_other_store(folder: Path) -> None:
    store = FolderStore({"photos": folder}, otherwise=Elsewhere())
    with pytest.raises(ObjectUnavailable):
        store.read(S3ObjectRef("photos", "missing.jpg"), limit=LIMIT)


def test_without_another_store_an_unknown_bucket_finds_nothing(folder: Path) -> None:
    stores: list[ObjectStore] = [FolderStore({"photos": folder}), NoStore()]
    for store in stores:
        with pytest.raises(ObjectUnavailable):
            store.read(S3ObjectRef("other", "a.jpg"), limit=LIMIT)


def test_a_bucket_must_be_given_a_folder(folder: Path) -> None:
    with pytest.raises(SettingsError, match="photos"):
        FolderStore({"photos": folder / "a.jpg"})


def test_the_key_is_left_out_of_the_text_and_of_the_log(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("jane-doe.jpg", "jane-doe\0", "../jane-doe", "team/jane-doe/x"):
        with pytest.raises(ObjectUnavailable) as caught:
            read(folder, name)
        assert "jane" not in str(caught.value)
    assert caplog.records == []


def test_a_folder_may_be_a_path_of_any_kind(folder: Path) -> None:
    class InBytes:
        def __fspath__(self) -> bytes:
            return os.fsencode(folder)

    for path in (folder, str(folder), InBytes()):
        store = FolderStore({"photos": path})  # type: ignore[dict-item]
        assert store.read(S3ObjectRef("photos", "a.jpg", None), limit=LIMIT) == b"a"


def test_a_folder_that_cannot_be_looked_at_is_named() -> None:
    with pytest.raises(SettingsError, match=r"bucket photos: x+ cannot be used: .*too long"):
        FolderStore({"photos": "x" * 5000})


@pytest.mark.parametrize("folder", ["", None, b"photos", 3])
def test_what_is_no_path_to_a_folder_is_refused(folder: object) -> None:
    with pytest.raises(SettingsError, match="bucket photos: the folder must be a path"):
        FolderStore({"photos": folder})  # type: ignore[dict-item]
