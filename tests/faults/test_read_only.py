"""A data folder that can't be written is searched and checked all the same."""

import json
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from ambience.catalog import Catalog
from ambience.catalog.database import Database
from ambience.core.errors import StoredDataError
from tests.catalog.test_catalog import record as record_of
from tests.catalog.test_migration import FIRST_VERSION
from tests.drawing import drawn_image, encode
from tests.faults.test_disk import NO_PRIVILEGES, run
from tests.server import serving, started

COUNT = 6
ENABLED = '["phash", "color"]'  # starts faster than with all
ALONE = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]

Close = Callable[[Path], dict[str, Any]]


def image(seed: int) -> bytes:
    return encode(drawn_image(seed, (60, 80)))


def put(client: httpx2.Client, number: int) -> None:
    client.put(
        f"/api/images/{number}", files={"image": image(number)}
    ).raise_for_status()


def all_files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a few images, as a server left it, without thumbnails."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AMBIENCE_ENABLED", ENABLED)
        with serving(folder / "data") as (server, client):
            for number in range(COUNT):
                put(client, number)
            assert server.stop() == 0
    shutil.rmtree(folder / "data" / "thumbnails")
    return folder / "data"


@pytest.fixture
def data(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    monkeypatch.setenv("AMBIENCE_ENABLED", ENABLED)
    shutil.copytree(whole, tmp_path / "data")
    yield tmp_path / "data"
    change_rights(tmp_path / "data", add=0o200)


def change_rights(folder: Path, *, add: int = 0, remove: int = 0) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode & ~remove | add)


def by_its_rights(data: Path) -> dict[str, Any]:
    change_rights(data, remove=0o222)
    return {"code": NO_PRIVILEGES}


def by_its_disk(data: Path) -> dict[str, Any]:
    folder = shlex.quote(str(data))
    mount = f"mount --bind {folder} {folder} && mount -o remount,bind,ro {folder}"
    if (
        shutil.which("unshare") is None
        or subprocess.run([*ALONE, mount], check=False, capture_output=True).returncode
    ):
        pytest.skip("no disk of its own can be made here")
    python = f'{mount} && exec {shlex.quote(sys.executable)} -c "$0" "$@"'
    return {"command": [*ALONE, python]}


WAYS = pytest.mark.parametrize("close", [by_its_rights, by_its_disk])


def answered(words: list[str], data: Path, how: dict[str, Any]) -> Any:
    """Run a command on a data folder; return its answer."""
    done = run(*words, "--data", str(data), "--json", code=how["code"])
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_it_is_searched_and_checked_and_stays_as_it_is(data: Path) -> None:
    query = data.parent / "query.png"
    query.write_bytes(image(3))
    before = all_files(data)
    how = by_its_rights(data)
    found = answered(["search", str(query)], data, how)
    assert found["matches"][0]["relation"] == "same_file"
    assert len(found["matches"][0]["evidence"]) >= 2
    assert found["unavailable"] == []
    assert answered(["duplicates"], data, how) == []
    done = run("check", "--data", str(data), "--json", code=how["code"])
    checked = json.loads(done.stdout)
    assert [one["count"] for one in checked["services"]] == [COUNT] * 2
    assert checked["files"]["no_thumbnail"] == COUNT
    assert (checked["cut_short"], done.returncode, done.stderr) == (0, 1, "")
    assert all_files(data) == before


@WAYS
def test_it_is_served_and_no_change_is_taken(data: Path, close: Close) -> None:
    before = all_files(data)
    with started(data, **close(data)).wait_until_ready() as server:
        with server.client() as client:
            assert client.get("/readyz").json()["unavailable"] == []
            for path in ("/api/images/3/thumbnail", "/api/images/3/file"):
                assert client.get(path).is_success
            answer = client.post("/api/reverse_search", files={"image": image(3)})
            assert answer.json()["matches"][0]["image_id"] == 3
            for refused in (
                client.put("/api/images/5", files={"image": image(5)}),
                client.put("/api/images/3", files={"image": image(5)}),
                client.delete("/api/images/3"),
                client.put("/api/color/images/5", files={"image": image(5)}),
                client.delete("/api/color/images/3"),
            ):
                assert refused.status_code == 507
                assert "read-only" in refused.json()["detail"]
        assert server.stop() == 0
    first, second = server.log.splitlines()
    assert "is read-only" in first
    assert "thumbnails can't be saved" in second
    assert all_files(data) == before


def test_one_service_is_served_alone(data: Path) -> None:
    with started(data, "phash", **by_its_rights(data)).wait_until_ready() as server:
        with server.client() as client:
            answer = client.post("/api/phash/search?k=1", files={"image": image(3)})
            assert answer.json()["matches"][0]["distance"] == 0
        assert server.stop() == 0


def test_what_a_killed_server_left_in_its_log_is_read(data: Path) -> None:
    with serving(data) as (server, client):
        put(client, 1000)
        server.kill()
    assert (data / "catalog.sqlite3-wal").stat().st_size
    how = by_its_rights(data)
    with started(data, **how).wait_until_ready() as server:
        with server.client() as client:
            assert client.get("/api/images").json()["total"] == COUNT + 1
            answer = client.post("/api/reverse_search", files={"image": image(1000)})
            assert answer.json()["matches"][0]["image_id"] == 1000
        assert server.stop() == 0
    data.chmod(0o700)
    (data / "catalog.sqlite3-shm").unlink()  # without which the log can't be read
    data.chmod(0o500)
    done = run("search", "--id", "3", "--data", str(data), code=how["code"])
    assert done.returncode == 1
    assert done.stderr.startswith(f"ambience: the catalog {data / 'catalog.sqlite3'}")
    assert done.stderr.count("\n") == 1


def test_what_a_server_that_may_write_adds_is_seen_beside_it(data: Path) -> None:
    # The folder is open to the writer, and closed to who only reads.
    how = by_its_disk(data)
    reader = started(data, **how)
    with reader.wait_until_ready(), reader.client() as reading:
        assert reading.get("/api/images").json()["total"] == COUNT
        with serving(data) as (writer, client):
            put(client, 2000)
            put(client, 2001)
            assert reading.get("/api/images").json()["total"] == COUNT + 2
            assert writer.stop() == 0
        assert reading.get("/api/images").json()["total"] == COUNT + 2
        found = reading.post("/api/reverse_search", files={"image": image(2001)})
        assert found.json()["matches"][0]["image_id"] == 2001
        assert reader.stop() == 0


def test_an_empty_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoredDataError, match="there is no catalog"):
        Database(tmp_path / "catalog.sqlite3", readonly=True)


def test_a_catalog_of_an_older_version_is_said(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite3"
    with closing(sqlite3.connect(path)) as old:
        old.executescript(FIRST_VERSION)
    with pytest.raises(StoredDataError, match="older ambience"):
        Database(path, readonly=True)


def test_it_follows_a_catalog_that_others_open_write_and_close(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite3"
    Database(path).close()
    with closing(Database(path, readonly=True)) as database:
        reading = Catalog(database)
        for image_id in range(1, 6):
            with closing(Database(path)) as writer:
                Catalog(writer).put([record_of(image_id)])
                assert len(reading) == image_id
            assert len(reading) == image_id
            os.utime(path)  # and what it is taken for does not change what it is
            assert reading.ids() == list(range(1, image_id + 1))


@pytest.mark.parametrize(
    "words",
    [
        ["serve", "--port", "0", "--import", "."],
        ["import", "."],
        ["rebuild", "phash"],
        ["train", "phash"],
        ["train", "fusion"],
        ["check", "--repair"],
    ],
    ids=" ".join,
)
def test_what_has_to_write_says_that_it_can_not(data: Path, words: list[str]) -> None:
    data.chmod(0o500)
    done = run(*words, "--data", str(data), code=NO_PRIVILEGES)
    data.chmod(0o700)
    assert done.returncode == 1
    assert done.stderr.startswith(f"ambience: the data folder {data} can't be written")
    assert done.stderr.count("\n") == 1
