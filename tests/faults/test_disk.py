"""A disk that is full, closed or damaged costs no more than what it took."""

import json
import random
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.drawing import drawn_image, encode
from tests.faults.nursery import Nursery
from tests.library import write_images
from tests.rounds import rounds
from tests.server import MAIN, START_S, serving, started, wait_for_backlog

COUNT = 30
FLIPPED = rounds(6, slow=60)  # stores
SERVICES = ["phash", "color"]

# Files end there: what is longer can't be written, as on a full disk.
SMALL = 2**18  # bytes: for some images
# Root may write anywhere: as anyone else, it may not.
NO_PRIVILEGES = (
    "import ctypes, os, sys; libc = ctypes.CDLL(None)\n"
    "for capability in (1, 2): libc.prctl(24, capability, 0, 0, 0)\n"
    f"os.execv(sys.executable, [sys.executable, '-c', {MAIN!r}, *sys.argv[1:]])"
)


def files_up_to(size: int) -> str:
    """Return what a server runs whose files can't grow past a size."""
    limit = f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))"
    return f"import resource; {limit}\n{MAIN}"


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with Nursery(tmp_path_factory.mktemp("nursery")) as nursery:
        yield nursery


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a few images, as a server left it; not to be changed."""
    folder = tmp_path_factory.mktemp("whole")
    write_images(folder / "photos", COUNT)
    with serving(folder / "data", "--import", str(folder / "photos")) as (server, http):
        assert server.said() is not None
        wait_for_backlog(http)
        http.put("/api/images/999", files={"image": image(999)}).raise_for_status()
        assert server.stop() == 0
    return folder / "data"


@pytest.fixture
def data(whole: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    shutil.copytree(whole, tmp_path / "data")
    return tmp_path / "data"


def image(seed: int) -> bytes:
    return encode(drawn_image(seed, (60, 80)))


def search(client: httpx2.Client, seed: int) -> dict[str, Any]:
    answer = client.post("/api/reverse_search", files={"image": image(seed)})
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


def run(*words: str, code: str = MAIN) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=START_S,
    )


def check_whole(client: httpx2.Client) -> None:
    """Check that every service finds every image."""
    assert client.get("/readyz").json()["unavailable"] == []
    for seed in (0, COUNT - 1, 999):
        best = search(client, seed)["matches"][0]
        assert best["relation"] == "same_file"
        assert set(SERVICES) <= set(best["evidence"])
    assert client.get("/api/images").json()["total"] == COUNT + 1
    for name in SERVICES:
        state = client.get(f"/api/{name}").json()
        assert (state["count"], state["index"]["rows"]) == (COUNT + 1, COUNT + 1)


def check_others_answer(client: httpx2.Client, broken: str) -> str:
    """Check that one service is out of order and the rest is not; return why."""
    (other,) = set(SERVICES) - {broken}
    (away,) = client.get("/readyz").json()["unavailable"]
    assert away["service"] == broken
    answer = search(client, 3)
    assert [one["service"] for one in answer["unavailable"]] == [broken]
    assert answer["matches"][0]["relation"] == "same_file"
    state = client.get(f"/api/{other}").json()
    assert (state["available"], state["count"]) == (True, COUNT + 1)
    refused = client.post(f"/api/{broken}/search?k=1", files={"image": image(3)})
    assert refused.status_code == 503
    assert client.get("/metrics").is_success
    return str(away["reason"])


# -- damaged -------------------------------------------------------------------------


def cut(share: float) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        whole = file.read_bytes()
        file.write_bytes(whole[: int(share * len(whole))])

    return damage


def overwrite(first: int, last: int) -> Callable[[Path], None]:
    def damage(file: Path) -> None:
        content = bytearray(file.read_bytes())
        content[first:last] = b"\xa5" * (last - first)
        file.write_bytes(content)

    return damage


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize(
    "damage",
    [cut(0.5), cut(0.01), overwrite(0, 8192), overwrite(8192, 10**6)],
    ids=["half of it", "nearly all", "its head", "all but its head"],
)
def test_a_damaged_store_is_said_and_rebuilt(
    nursery: Nursery, data: Path, name: str, damage: Callable[[Path], None]
) -> None:
    damage(data / "services" / name / "store.lmdb")
    with nursery.serving(data) as (server, client):
        assert f"ambience rebuild {name}" in check_others_answer(client, name)
        server.stop()
    done = run("rebuild", name, "--data", str(data), "--json")
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert json.loads(done.stdout)["rows"] == COUNT + 1
    with nursery.serving(data) as (_, client):
        check_whole(client)


def test_flipped_bits_in_a_store_never_end_the_server(
    nursery: Nursery, whole: Path, tmp_path: Path
) -> None:
    rng = random.Random(4)
    available = 0
    for number in range(FLIPPED):
        data = tmp_path / str(number)
        shutil.copytree(whole, data)
        shutil.rmtree(data / "services" / "phash" / "index")
        file = data / "services" / "phash" / "store.lmdb"
        content = bytearray(file.read_bytes())
        for _ in range(rng.choice([1, 8, 64])):
            content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
        file.write_bytes(content)
        with nursery.serving(data) as (server, client):
            state = client.get("/api/phash").json()
            available += state["available"]
            assert state["available"] or "rebuild phash" in state["reason"]
            for seed in range(0, COUNT, 5):
                best = search(client, seed)["matches"][0]
                assert best["relation"] == "same_file"
            server.stop()
    assert 0 < available < FLIPPED


@pytest.mark.parametrize(
    "damage",
    [cut(0.5), cut(0), overwrite(200, 210), Path.unlink],
    ids=["half of it", "all of it", "ten bytes", "the file"],
)
@pytest.mark.parametrize("name", SERVICES)
def test_a_damaged_snapshot_is_made_anew(
    nursery: Nursery, data: Path, name: str, damage: Callable[[Path], None]
) -> None:
    for snapshot in (data / "services" / name / "index").glob("0*"):
        damage(max(snapshot.iterdir(), key=lambda file: file.stat().st_size))
    with nursery.serving(data) as (server, client):
        check_whole(client)
        assert "can't be used" in server.log
        server.stop()


def test_an_index_folder_that_is_gone_is_made_anew(
    nursery: Nursery, data: Path
) -> None:
    for name in SERVICES:
        shutil.rmtree(data / "services" / name / "index")
    with nursery.serving(data) as (_, client):
        check_whole(client)


@pytest.mark.parametrize(
    "damage",
    [overwrite(0, 100), overwrite(0, 10**6), cut(0.3)],
    ids=["its head", "all of it", "its end"],
)
def test_a_damaged_catalog_is_said(data: Path, damage: Callable[[Path], None]) -> None:
    damage(data / "catalog.sqlite3")
    words = ["--data", str(data), "--json"]
    for command in (["serve", "--port", "0"], ["import", str(data.parent)]):
        done = run(*command, *words)
        assert done.returncode == 1
        assert done.stderr.startswith("ambience: the catalog")
        assert "backup" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_catalog_damaged_within_is_said_when_it_is_read(
    nursery: Nursery, data: Path
) -> None:
    file = data / "catalog.sqlite3"
    with closing(sqlite3.connect(file)) as catalog:
        (size,) = catalog.execute("PRAGMA page_size").fetchone()
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'images'"
        (page,) = catalog.execute(query).fetchone()
    overwrite((page - 1) * size, page * size)(file)
    with nursery.serving(data) as (server, client):
        for path in ("/api/images/1", "/api/images/1/thumbnail"):
            answer = client.get(path)
            assert answer.status_code == 503
            assert "restore it" in answer.json()["detail"]
        found = client.post("/api/phash/search?k=1", files={"image": image(3)})
        assert found.json()["matches"][0]["distance"] == 0
        server.stop()


def test_a_lost_thumbnail_is_made_again(nursery: Nursery, data: Path) -> None:
    with nursery.serving(data) as (_, client):
        ids = [one["image_id"] for one in client.get("/api/images").json()["images"]]
        before = [client.get(f"/api/images/{i}/thumbnail").content for i in ids]
        shutil.rmtree(data / "thumbnails")
        after = [client.get(f"/api/images/{i}/thumbnail").content for i in ids]
    assert len(ids) == COUNT + 1
    assert before == after


def test_a_lost_original_is_said_and_still_found(nursery: Nursery, data: Path) -> None:
    shutil.rmtree(data / "originals")
    with nursery.serving(data) as (_, client):
        answer = client.get("/api/images/999/file")
        assert (answer.status_code, "no longer" in answer.text) == (404, True)
        check_whole(client)
        assert client.delete("/api/images/999").is_success


# -- full ----------------------------------------------------------------------------


def fill(client: httpx2.Client) -> list[int]:
    """Add images until the disk is full; return those that were acknowledged."""
    added: list[int] = []
    for seed in range(2000, 4000):
        answer = client.put(f"/api/images/{seed}", files={"image": image(seed)})
        if not answer.is_success:
            assert answer.status_code == 507, answer.text
            assert "full" in answer.json()["detail"]
            return added
        added.append(seed)
    raise AssertionError("the disk is never full")


def test_files_that_can_not_grow_are_said_and_nothing_is_lost(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with serving(data, code=files_up_to(SMALL)) as (server, client):
        added = fill(client)
        assert client.get("/healthz").is_success
        for seed in added:
            assert search(client, seed)["matches"][0]["image_id"] == seed
        assert server.stop() == 0
    with serving(data) as (_, client):
        assert client.get("/api/images").json()["total"] == len(added)
        for name in SERVICES:
            assert client.get(f"/api/{name}").json()["count"] == len(added)
        for seed in added:
            assert search(client, seed)["matches"][0]["image_id"] == seed
        assert list((data / "staging").iterdir()) == []
        client.put("/api/images/1", files={"image": image(1)}).raise_for_status()


def test_an_upload_that_does_not_fit_into_the_temporary_folder_is_said(
    tmp_path: Path,
) -> None:
    large = {"image": bytes(2**22)}  # what is below a megabyte stays in memory
    with serving(tmp_path / "data", code=files_up_to(SMALL)) as (server, client):
        for method, path in [
            ("PUT", "/api/images/1"),
            ("PUT", "/api/phash/images/1"),
            ("POST", "/api/reverse_search"),
            ("POST", "/api/color/search?k=1"),
        ]:
            answer = client.request(method, path, files=large)
            assert answer.status_code == 507
            assert "TMPDIR" in answer.json()["detail"]
            assert tempfile.gettempdir() in answer.json()["detail"]
        client.put("/api/images/1", files={"image": image(1)}).raise_for_status()
        assert server.stop() == 0


def test_a_full_disk_is_said_and_what_is_there_is_found(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    alone = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mount = f"mount -t tmpfs -o size=2m tmpfs {shlex.quote(str(data))}"
    if (
        shutil.which("unshare") is None
        or subprocess.run([*alone, mount], check=False, capture_output=True).returncode
    ):
        pytest.skip("no disk of its own can be made here")
    python = f'{mount} && exec {shlex.quote(sys.executable)} -c "$0" "$@"'
    with started(data, command=[*alone, python]).wait_until_ready() as server:
        with server.client() as client:
            added = fill(client)
            assert len(added) > 5
            for seed in added:
                assert search(client, seed)["matches"][0]["image_id"] == seed
            for name in SERVICES:
                assert client.get(f"/api/{name}").json()["count"] == len(added)
            assert client.get("/api/images").json()["total"] == len(added)
        assert server.stop() == 0


# -- closed --------------------------------------------------------------------------


def test_a_catalog_that_can_not_be_written_to_is_said(data: Path) -> None:
    (data / "catalog.sqlite3").chmod(0o400)
    with serving(data, code=NO_PRIVILEGES) as (server, client):
        check_whole(client)
        answers = [
            client.put("/api/images/5000", files={"image": image(5000)}),
            client.delete("/api/images/999"),
        ]
        for answer in answers:
            assert (answer.status_code, "read-only" in answer.text) == (507, True)
        check_whole(client)
        assert server.stop() == 0


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_whose_files_are_closed_is_away_alone(data: Path, name: str) -> None:
    folder = data / "services" / name
    for path in (folder, folder / "store.lmdb", folder / "store.lmdb-lock"):
        path.chmod(0o500 if path.is_dir() else 0o400)
    with serving(data, code=NO_PRIVILEGES) as (server, client):
        assert "read-only" in check_others_answer(client, name)
        answer = client.put("/api/images/5000", files={"image": image(5000)})
        assert "read-only" in answer.raise_for_status().json()["services"][name]
        assert client.delete("/api/images/5000").is_success
        assert server.stop() == 0
    for path in (folder, folder / "store.lmdb", folder / "store.lmdb-lock"):
        path.chmod(0o700)
    with serving(data) as (_, client):
        check_whole(client)
