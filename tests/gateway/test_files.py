"""Only what an image is known to hold is ever shown as that image."""

import hashlib
import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image
from starlette.testclient import TestClient

from ambience.core.errors import NotFoundError
from ambience.core.features import ImageId
from ambience.ingest import image_files as gateway_files
from ambience.ingest.image_files import ImageFiles
from ambience.library.library import Library
from tests.drawing import drawn_image, encode
from tests.library import opened_library

NEW = encode(drawn_image(50, (60, 80)))
TIFF = encode(drawn_image(51, (60, 80)), "TIFF")
USERS = 1  # the first image of the folder
OURS = 1000


@pytest.fixture
def library(tmp_path: Path, folder: Path) -> Iterator[Library]:
    with opened_library(tmp_path / "data", enabled=("phash",)) as library:
        library.add_folder(folder)
        yield library


@pytest.fixture
def users_file(client: TestClient, folder: Path) -> Path:
    return folder / str(client.get(f"/api/images/{USERS}").json()["name"])


@pytest.fixture
def our_copy(client: TestClient, library: Library) -> Path:
    assert client.put(f"/api/images/{OURS}", files={"image": NEW}).is_success
    path = library.components.originals.file_of(
        library.components.catalog.get(ImageId(OURS))
    )
    assert path is not None
    return path


def refused(client: TestClient, image_id: int, what: str) -> str:
    answer = client.get(f"/api/images/{image_id}/{what}")
    assert answer.status_code in {404, 503}, answer.content[:80]
    assert answer.headers["content-type"] == "application/problem+json"
    return str(answer.json()["detail"])


@pytest.mark.parametrize("what", ["file", "view"])
def test_a_link_in_an_images_place_is_not_followed_to_something_else(
    client: TestClient, users_file: Path, tmp_path: Path, what: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"s" * users_file.stat().st_size)
    users_file.unlink()
    users_file.symlink_to(secret)
    assert "has changed since it was imported" in refused(client, USERS, what)


def test_a_link_to_the_same_content_is_served(
    client: TestClient, users_file: Path, tmp_path: Path
) -> None:
    before = users_file.read_bytes()
    users_file.rename(tmp_path / "elsewhere.png")
    users_file.symlink_to(tmp_path / "elsewhere.png")
    assert client.get(f"/api/images/{USERS}/file").content == before


@pytest.mark.parametrize("what", ["file", "view"])
def test_a_link_in_place_of_our_copy_is_not_followed(
    client: TestClient, our_copy: Path, tmp_path: Path, what: str
) -> None:
    our_copy.rename(tmp_path / "elsewhere.png")
    our_copy.symlink_to(tmp_path / "elsewhere.png")
    assert "can't be read" in refused(client, OURS, what)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes there")
@pytest.mark.parametrize("what", ["file", "view"])
@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_what_is_no_file_is_told(
    client: TestClient, users_file: Path, what: str, kind: str
) -> None:
    users_file.unlink()
    if kind == "pipe":
        os.mkfifo(users_file)
    else:
        users_file.mkdir()
    assert "it is not a regular file" in refused(client, USERS, what)


@pytest.mark.parametrize("what", ["file", "view"])
def test_a_file_that_is_not_what_it_was_is_not_served(
    client: TestClient, users_file: Path, our_copy: Path, what: str
) -> None:
    for image_id, file, advice in (
        (USERS, users_file, "import its folder again"),
        (OURS, our_copy, "restore it from a backup"),
    ):
        good, dates = file.read_bytes(), file.stat()
        middle = len(good) // 2
        flipped = good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :]
        for bad in (flipped, good[:-100]):
            file.write_bytes(good)
            assert client.get(f"/api/images/{image_id}/{what}").status_code == 200
            file.write_bytes(bad)
            os.utime(file, ns=(dates.st_atime_ns, dates.st_mtime_ns))
            assert advice in refused(client, image_id, what)


def test_a_region_of_a_file_that_has_changed_is_not_searched_with(
    client: TestClient, users_file: Path
) -> None:
    users_file.write_bytes(NEW)
    asked = {"image_id": USERS, "region": "0,0,40,40"}
    answer = client.post("/api/reverse_search", data=asked)
    assert answer.status_code == 404
    assert "import its folder again" in answer.json()["detail"]


def test_pixels_of_a_file_that_has_changed_prove_nothing(
    client: TestClient, users_file: Path
) -> None:
    pixels = Image.open(BytesIO(users_file.read_bytes()))
    again = BytesIO()
    pixels.save(again, "BMP")
    search = {"image": again.getvalue()}
    found = client.post("/api/reverse_search", files=search).json()["matches"][0]
    assert (found["image_id"], found["relation"]) == (USERS, "same_pixels")
    users_file.write_bytes(users_file.read_bytes() + b"more")
    found = client.post("/api/reverse_search", files=search).json()["matches"][0]
    assert (found["image_id"], found["relation"]) == (USERS, "re_encoded")


@pytest.mark.parametrize("what", ["file", "view", "thumbnail"])
def test_no_page_from_elsewhere_may_show_a_picture(
    client: TestClient, what: str
) -> None:
    headers = client.get(f"/api/images/{USERS}/{what}").headers
    assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("left", [b"", b"RIFF", b"no picture at all, but some bytes"])
def test_a_thumbnail_that_is_none_is_made_again(
    client: TestClient, library: Library, left: bytes
) -> None:
    good = client.get(f"/api/images/{USERS}/thumbnail").content
    sha256 = library.components.catalog.get(ImageId(USERS)).sha256
    path = library.components.originals.thumbnail_path(sha256)
    for bad in (left, good[:-20]):
        path.write_bytes(bad)
        assert client.get(f"/api/images/{USERS}/thumbnail").content == good
        assert path.read_bytes() == good


def test_a_thumbnail_that_can_not_be_kept_is_shown(
    client: TestClient,
    library: Library,
    caplog: pytest.LogCaptureFixture,
) -> None:
    good = client.get(f"/api/images/{USERS}/thumbnail").content
    sha256 = library.components.catalog.get(ImageId(USERS)).sha256
    path = library.components.originals.thumbnail_path(sha256)
    path.unlink()
    path.mkdir()  # nothing can be written there
    assert client.get(f"/api/images/{USERS}/thumbnail").content == good
    assert "thumbnails can't be saved" in caplog.text


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=10-", 10, None),
        ("bytes=-7", -7, None),
        ("bytes=5-999999999", 5, None),
        ("Bytes = 3-3", 3, 4),
    ],
)
def test_a_part_of_a_file_is_sent(
    client: TestClient, users_file: Path, asked: str, start: int, stop: int | None
) -> None:
    data = users_file.read_bytes()
    answer = client.get(f"/api/images/{USERS}/file", headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == data[start:stop]
    first = start % len(data)
    last = first + len(answer.content) - 1
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(data)}"
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    "asked", ["bytes=x", "lines=1-2", "bytes=0-1,4-5", "bytes=9-3"]
)
def test_what_is_no_range_is_taken_for_all(
    client: TestClient, users_file: Path, asked: str
) -> None:
    answer = client.get(f"/api/images/{USERS}/file", headers={"Range": asked})
    assert answer.status_code == 200
    assert answer.content == users_file.read_bytes()
    assert answer.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize("asked", ["bytes=999999999-", "bytes=-0"])
def test_a_range_beyond_the_file_is_a_problem(
    client: TestClient, users_file: Path, asked: str
) -> None:
    answer = client.get(f"/api/images/{USERS}/file", headers={"Range": asked})
    assert answer.status_code == 416
    assert answer.headers["content-type"] == "application/problem+json"
    size = users_file.stat().st_size
    assert answer.headers["content-range"] == f"bytes */{size}"


def test_a_range_of_another_version_is_not_sent(client: TestClient) -> None:
    whole = client.get(f"/api/images/{USERS}/file")
    for tag, status in (
        (whole.headers["etag"], 206),
        (whole.headers["last-modified"], 206),
        ('"another"', 200),
        (f"W/{whole.headers['etag']}", 200),
    ):
        headers = {"Range": "bytes=0-9", "If-Range": tag}
        answer = client.get(f"/api/images/{USERS}/file", headers=headers)
        assert answer.status_code == status


@pytest.mark.parametrize("what", ["file", "view", "thumbnail"])
def test_what_a_client_has_is_not_sent_again(client: TestClient, what: str) -> None:
    client.put(f"/api/images/{OURS}", files={"image": TIFF})  # its view has to be made
    for image_id in (USERS, OURS):
        tag = client.get(f"/api/images/{image_id}/{what}").headers["etag"]
        for known in (tag, f'"other", W/{tag}'):
            headers = {"If-None-Match": known}
            answer = client.get(f"/api/images/{image_id}/{what}", headers=headers)
            assert (answer.status_code, answer.content) == (304, b"")


def test_a_file_is_sent_under_its_own_name(
    client: TestClient, library: Library, tmp_path: Path
) -> None:
    for name, sent in (
        ("plain.png", 'inline; filename="plain.png"'),
        ("Grüße.png", "inline; filename*=utf-8''Gr%C3%BC%C3%9Fe.png"),
        (os.fsdecode(b"caf\xe9.png"), "inline; filename*=utf-8''caf%E9.png"),
    ):
        path = tmp_path / name
        path.write_bytes(encode(drawn_image(len(sent), (60, 80))))
        library.add_folder(path)
        (known,) = library.components.catalog.files_in(path).values()
        answer = client.get(f"/api/images/{known.image_id}/file")
        assert answer.headers["content-disposition"] == sent


def test_a_file_is_hashed_once_until_it_changes(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[bytes] = []
    sha256 = hashlib.sha256

    class Counting:
        def __init__(self) -> None:
            self._hash = sha256()

        def update(self, data: bytes) -> None:
            hashed.append(data)
            self._hash.update(data)

        def digest(self) -> bytes:
            return self._hash.digest()

    monkeypatch.setattr(hashlib, "sha256", Counting)
    monkeypatch.setattr(gateway_files, "_AT_REST_NS", -1)
    parts = library.components
    record = parts.catalog.get(ImageId(USERS))
    files = ImageFiles(parts.originals, limits=parts.limits)
    for _ in range(3):
        files.open(record).close()
    assert len(hashed) == 1
    assert record.path is not None
    record.path.write_bytes(bytes(record.byte_count))
    with pytest.raises(NotFoundError, match="has changed"):
        files.open(record)
    assert len(hashed) == 2


def test_a_file_that_was_just_written_is_hashed_again(library: Library) -> None:
    """Its dates may not show the next change."""
    parts = library.components
    record = parts.catalog.get(ImageId(USERS))
    files = ImageFiles(parts.originals, limits=parts.limits)
    assert record.path is not None
    record.path.touch()
    files.open(record).close()
    assert not files._hashes  # noqa: SLF001 -- it depends on the file system else
