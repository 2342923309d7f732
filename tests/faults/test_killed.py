"""A server that is killed at any moment loses nothing that it acknowledged."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Self

import httpx2
import pytest

from ambience import registry
from ambience.engine.embedded.store import FeatureStore
from ambience.imaging import ImageFile
from ambience.registry import BUILTIN
from ambience.service import ServiceSpec
from tests.drawing import drawn_image, encode
from tests.faults.nursery import Nursery
from tests.postgresql import asked
from tests.rounds import rounds
from tests.server import START_S, Server, wait_for_backlog

ROUNDS = rounds(12, slow=200)
SEED = 20
CLIENTS = 4
IDS_EACH = 10  # so few that most changes replace or delete something
FIRST_ID = 2**52  # from here on, ids that are chosen say nothing about those given out
MOST_ANSWERED = 20  # changes, before a kill
LONGEST_S = 0.1  # from the last of these to the kill
FILES_A_ROUND = 8  # new in the folder, and one that changed
ABSENT = b""  # stands for no content


class Contents:
    """Images that were sent or written, each different from all others."""

    def __init__(self) -> None:
        self._by_sha256: dict[bytes, bytes] = {}
        self._features: dict[tuple[str, bytes], bytes] = {}
        self._lock = threading.Lock()
        declared = {name: registry.load(name) for name in BUILTIN}
        self.extractors = {
            name: spec.make_extractor(spec.settings(), Path())
            for name, spec in declared.items()
            if isinstance(spec, ServiceSpec)
        }

    def new(self) -> bytes:
        """Return the content of another file."""
        with self._lock:
            seed = len(self._by_sha256)
            data = encode(drawn_image(seed, (60, 80)))
            self._by_sha256[sha256(data).digest()] = data
        return data

    def __getitem__(self, digest: bytes) -> bytes:
        return self._by_sha256[digest]

    def feature(self, service: str, digest: bytes) -> bytes:
        """Return the rows that a service makes of a content."""
        if (service, digest) not in self._features:
            image = ImageFile(self[digest]).image
            (feature,) = self.extractors[service].extract([image])
            self._features[service, digest] = feature.rows.tobytes()
        return self._features[service, digest]

    def rows(self, service: str, digest: bytes) -> int:
        """Return how many rows of a content a service searches."""
        row_bytes = self.extractors[service].spec.row_bytes
        frames = 1 if service == "local_features" else 0
        return len(self.feature(service, digest)) // row_bytes - frames


class Model:
    """What each image may be, as far as a client can know."""

    def __init__(self) -> None:
        self._possible: dict[int, set[bytes]] = {}
        self._touched: set[int] = set()
        self._lock = threading.Lock()
        self.under_way = 0
        self.began = threading.Event()

    @contextmanager
    def changing(self, image_id: int, content: bytes) -> Iterator[None]:
        """Send a change inside; if that returns, it was acknowledged."""
        with self._lock:
            self._possible.setdefault(image_id, {ABSENT}).add(content)
            self._touched.add(image_id)
            self.under_way += 1
            self.began.set()
        try:
            yield
        finally:
            with self._lock:
                self.under_way -= 1
        self.learn(image_id, content)

    def learn(self, image_id: int, content: bytes) -> None:
        """Take down what an image is."""
        with self._lock:
            self._possible[image_id] = {content}

    def may_be(self, image_id: int) -> set[bytes]:
        return self._possible.get(image_id, {ABSENT})

    def items(self) -> list[tuple[int, set[bytes]]]:
        return sorted(self._possible.items())

    def touched(self) -> list[int]:
        """Return the images that changed since this was asked before."""
        touched, self._touched = sorted(self._touched), set()
        self.began.clear()
        return touched

    def present(self, image_id: int) -> bool:
        return ABSENT not in self.may_be(image_id)


class Clients:
    """Threads that change images of their own, until the server is gone."""

    def __init__(self, url: str, contents: Contents, model: Model, seed: int) -> None:
        self._url = url
        self._contents = contents
        self._model = model
        self._failures: list[Exception] = []
        self._threads = [
            threading.Thread(
                target=self._run, args=(number, random.Random(seed + number))
            )
            for number in range(CLIENTS)
        ]
        self.acknowledged = threading.Semaphore(0)  # how many, that nobody waited for

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for thread in self._threads:
            thread.join(START_S)
        assert self._failures == []

    def _run(self, number: int, rng: random.Random) -> None:
        first = FIRST_ID + number * IDS_EACH
        with httpx2.Client(base_url=self._url, timeout=START_S) as client:
            try:
                while True:  # until it is killed
                    self._change(client, first + rng.randrange(IDS_EACH), rng)
            except httpx2.TransportError:
                return
            except Exception as error:  # noqa: BLE001 -- told by the main thread
                self._failures.append(error)

    def _change(self, client: httpx2.Client, image_id: int, rng: random.Random) -> None:
        path = f"/api/images/{image_id}"
        if self._model.present(image_id) and rng.random() < 0.3:
            with self._model.changing(image_id, ABSENT):
                client.delete(path).raise_for_status()
        else:
            content = self._contents.new()
            keep = rng.choice([True, False])
            wait = (
                rng.choice([True, False]) or not keep
            )  # or it could not be read later
            with self._model.changing(image_id, content):
                client.put(
                    path,
                    params={"wait": wait},
                    files={"image": content},
                    data={"keep": keep},
                ).raise_for_status()
        self.acknowledged.release()


class Library:
    """A folder of the user's, that gets new files and changed ones."""

    def __init__(self, folder: Path, contents: Contents) -> None:
        folder.mkdir()
        self.folder = folder
        self._contents = contents
        self.imported: dict[Path, bytes] = {}  # and reported to be

    def files(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in sorted(self.folder.iterdir())}

    def change(self, rng: random.Random) -> None:
        """Add some files and write one anew."""
        known = sorted(self.folder.iterdir())
        for number in range(len(known), len(known) + FILES_A_ROUND):
            (self.folder / f"{number:05}.png").write_bytes(self._contents.new())
        if known:
            changed = rng.choice(known)
            changed.write_bytes(self._contents.new())
            self.imported.pop(changed, None)


class House:
    """The data folder, as a server on it and the files in it show it."""

    def __init__(
        self,
        data: Path,
        catalog: Path | str,
        contents: Contents,
        client: httpx2.Client,
    ) -> None:
        self._data = data
        self._contents = contents
        self._client = client
        self.sha256_of: dict[int, bytes] = {}
        self.id_of: dict[Path, int] = {}
        self.originals: set[str] = set()
        rows = asked(catalog, "SELECT image_id, sha256, path, original FROM images")
        for image_id, digest, path, original in rows:
            self.sha256_of[image_id] = digest
            if path is not None:
                self.id_of[Path(path.decode())] = image_id
            if original is not None:
                self.originals.add(original)
        self.under_way = asked(catalog, "SELECT * FROM journal")

    def content_of(self, image_id: int) -> bytes:
        digest = self.sha256_of.get(image_id)
        return ABSENT if digest is None else self._contents[digest]

    def finds(self, image_id: int, content: bytes) -> bool:
        """Whether a search with a file finds it under an id, in every service."""
        answer = self._client.post("/api/reverse_search", files={"image": content})
        matches = answer.raise_for_status().json()["matches"]
        found = {match["image_id"]: match for match in matches}.get(image_id)
        return found is not None and (
            found["relation"],
            found["evidence"]["phash"]["distance"],
            found["evidence"]["color"]["distance"],
        ) == ("same_file", 0, 0)

    def knows_nothing_of(self, image_id: int) -> bool:
        paths = [f"/api/images/{image_id}"]
        paths += [f"/api/{name}/images/{image_id}/similar?k=1" for name in BUILTIN]
        return all(self._client.get(path).status_code == 404 for path in paths)

    def total(self) -> int:
        return int(self._client.get("/api/images?limit=1").json()["total"])

    def state_of(self, service: str) -> dict[str, Any]:
        state: dict[str, Any] = self._client.get(f"/api/{service}").json()
        return state

    def features_in(self, service: str) -> dict[int, bytes]:
        """What a service has stored, by image id."""
        store = self._data / "services" / service / "store.lmdb"
        with FeatureStore(store, self._contents.extractors[service].spec) as features:
            stored = features.get(features.ids())
            return {i: feature.rows.tobytes() for i, feature in stored.items()}

    def files(self, folder: str) -> set[str]:
        root = self._data / folder
        return {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}


def check_acknowledged(house: House, model: Model, library: Library) -> None:
    """Check what clients know of, whatever else is going on."""
    for path, content in library.imported.items():
        assert house.content_of(house.id_of[path]) == content, path
    for image_id, possible in model.items():
        assert house.content_of(image_id) in possible, image_id
    for image_id in model.touched():
        content = house.content_of(image_id)
        if content == ABSENT:
            assert house.knows_nothing_of(image_id), image_id
        else:
            assert house.finds(image_id, content), image_id
        model.learn(image_id, content)


def check_nothing_is_half_done(house: House, contents: Contents) -> None:
    """Check that everything agrees, while nothing is going on."""
    total = len(house.sha256_of)
    assert house.total() == total
    for service in BUILTIN:
        state = house.state_of(service)
        assert state["count"] == total
        assert state["index"]["rows"] == sum(
            contents.rows(service, digest) for digest in house.sha256_of.values()
        )
        assert state["index"]["lag"] == 0
        assert house.features_in(service) == {
            image_id: contents.feature(service, digest)
            for image_id, digest in house.sha256_of.items()
        }
    assert house.under_way == []
    assert house.files("staging") == set()
    assert house.files("originals") == house.originals
    assert len(house.files("locks")) == 1  # of the server that runs


def check_all_are_found(house: House) -> None:
    for image_id in house.sha256_of:
        assert house.finds(image_id, house.content_of(image_id)), image_id


def kill_while_starting(nursery: Nursery, data: Path, rng: random.Random) -> None:
    """Start a server, and kill it while it mends what the one before left."""
    locks = data / "locks"
    before = set(locks.iterdir())
    with nursery.started(data) as server:
        while server.process.is_running() and set(locks.iterdir()) <= before:
            time.sleep(0.001)  # its own lock is the first thing that it makes
        time.sleep(rng.uniform(0, 0.05))


def kill_at_work(
    server: Server, clients: Clients, model: Model, rng: random.Random
) -> bool:
    """Kill a server whose clients are at work; tell whether they waited for it."""
    assert model.began.wait(START_S)
    for _ in range(rng.choice([0, rng.randrange(MOST_ANSWERED)])):
        assert clients.acknowledged.acquire(timeout=START_S)
    time.sleep(rng.choice([0, rng.uniform(0, LONGEST_S)]))
    waited_for = model.under_way > 0
    server.process.kill()
    return waited_for


def test_nothing_acknowledged_is_lost_by_kills(
    tmp_path: Path, catalog_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMBIENCE_CATALOG__URL", catalog_url)
    rng = random.Random(SEED)
    contents, model, data = Contents(), Model(), tmp_path / "data"
    catalog = catalog_url or data / "catalog.sqlite3"
    library = Library(tmp_path / "photos", contents)
    at_work = 0
    with Nursery(tmp_path) as nursery:
        for number in range(ROUNDS // 2 if catalog_url else ROUNDS):
            importing = number % 3 == 2
            if importing:
                library.change(rng)
            if number % 6 == 5:
                kill_while_starting(nursery, data, rng)
            options = ("--import", str(library.folder)) if importing else ()
            with nursery.started(data, *options) as server:
                with server.wait_until_ready().client() as client:
                    if not importing:
                        wait_for_backlog(client)
                    house = House(data, catalog, contents, client)
                    check_acknowledged(house, model, library)
                    if not importing:
                        check_nothing_is_half_done(house, contents)
                with Clients(server.url, contents, model, SEED * number) as clients:
                    at_work += kill_at_work(server, clients, model, rng)
                report = server.said() if importing else None
                if report is not None:
                    assert report["import"]["failed"] == []
                    library.imported = library.files()
        with nursery.started(data, "--import", str(library.folder)) as server:
            server.wait_until_ready()
            report = server.said()
            assert report is not None
            assert report["import"]["failed"] == []
            library.imported = library.files()
            with server.client() as client:
                wait_for_backlog(client)
                house = House(data, catalog, contents, client)
                check_acknowledged(house, model, library)
                check_nothing_is_half_done(house, contents)
                check_all_are_found(house)
    # How many, the machine's speed says: none at all would prove nothing.
    assert at_work
