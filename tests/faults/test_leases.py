"""Processes that share a catalog and no folder leave each other's work alone."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from ambience.catalog.database import Database
from ambience.catalog.schema import leases
from tests.postgresql import asked
from tests.server import START_S

# A process with a data folder of its own, which does what it is told line by line. Its
# services keep their features in files of its folder: they are there to be looked at,
# and are held up where a test wants to find a change half done.
CODE = """
import hashlib, json, sys, threading
from pathlib import Path
from ambience.catalog import Catalog, Journal
from ambience.catalog.database import Database
from ambience.core.features import ImageId
from ambience.imaging import ImageFile, Limits
from ambience.ingest import Arrival, Originals, Writer
from ambience.service.capabilities import HoldsImages
from tests.abilities import FakeService
from tests.drawing import drawn_image, encode

place, data, lease_s = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])

class Service(FakeService):
    working_side = None
    go_on = threading.Event()
    held = {}

    def extract(self, images):
        return [image.sha256.hex() for image in images]

    def put(self, extracted):
        self.held.update(extracted)
        say("half done")
        self.go_on.wait()

    def remove(self, ids):
        return [i for i in ids if self.held.pop(i, None)]

    ids = FakeService.refuse

def say(what):
    print(json.dumps(what), flush=True)

database = Database(place if "://" in place else Path(place))
journal = Journal(database, data / "locks", lease_s=lease_s)
catalog = Catalog(database)
service = Service("phash", HoldsImages)
writer = Writer(catalog=catalog, journal=journal, originals=Originals(data),
                services=[service], limits=Limits())

def put(image_id):
    upload = encode(drawn_image(image_id, (60, 80)))
    prepared = writer.prepare(ImageFile(upload))
    try:
        writer.put([Arrival(ImageId(image_id), prepared, upload=upload, keep=True)])
    except Exception as error:
        say(str(error))
    else:
        say("put")

say("started")
for line in sys.stdin:
    match line.split():
        case ["put", number]:
            threading.Thread(target=put, args=[int(number)]).start()
        case ["go"]:
            service.go_on.set()
        case ["recover"]:
            say(writer.recover())
        case ["mend"]:
            say(writer.mend())
        case ["held"]:
            say(sorted(service.held))
writer.close()
journal.close()
database.close()
"""


class Process:
    """One of several that share a catalog."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def tell(self, order: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()

    def said(self) -> object:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())

    def ask(self, order: str) -> object:
        self.tell(order)
        return self.said()


@pytest.fixture
def place(catalog_url: str, tmp_path: Path) -> Path | str:
    return catalog_url or tmp_path / "catalog.sqlite3"


@pytest.fixture
def start(
    place: Path | str, tmp_path: Path, root: Path
) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def start(name: str, *, lease_s: float) -> Process:
        words = [str(place), str(tmp_path / name), str(lease_s)]
        process = Process(
            subprocess.Popen(
                [sys.executable, "-c", CODE, *words],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=root,
            )
        )
        started.append(process)
        assert process.said() == "started"
        return process

    yield start
    for process in started:
        with process.process:
            process.process.kill()


def under_way(place: Path | str) -> int:
    return len(asked(place, "SELECT * FROM journal"))


def known(place: Path | str) -> list[int]:
    rows = asked(place, "SELECT image_id FROM images ORDER BY image_id")
    return [image_id for (image_id,) in rows]


def test_the_work_of_one_that_lives_is_left_alone_however_long_it_takes(
    place: Path | str, start: Callable[..., Process]
) -> None:
    one = start("one", lease_s=2)  # renewed twice a second
    assert one.ask("put 1") == "half done"
    (begun,) = asked(place, "SELECT expires_ms FROM leases")
    other = start("other", lease_s=2)  # which mends what is left over
    while True:
        assert other.ask("recover") == 0
        (now,) = asked(place, "SELECT expires_ms FROM leases")
        if now[0] - begun[0] > 3000:  # it would have ended
            break
    assert other.ask("put 2") == "half done"
    assert one.ask("recover") == 0
    assert under_way(place) == 2
    for process, image_id in ((one, 1), (other, 2)):
        assert process.ask("go") == "put"
        assert process.ask("held") == [image_id]
    assert known(place) == [1, 2]
    assert under_way(place) == 0


def test_the_work_of_one_that_was_killed_is_taken_over_after_its_lease(
    place: Path | str, start: Callable[..., Process]
) -> None:
    killed = start("one", lease_s=3)
    assert killed.ask("put 1") == "half done"
    killed.process.kill()
    killed.process.wait(START_S)
    other = start("other", lease_s=3)
    deadline = time.monotonic() + START_S
    seen: list[object] = []
    while under_way(place):
        seen.append(other.ask("recover"))
        assert time.monotonic() < deadline
    assert seen[-1] == 1
    assert set(seen[:-1]) <= {0}
    assert known(place) == []  # nobody was told that it is there


def test_one_that_was_cut_off_for_too_long_does_not_undo_what_others_did(
    place: Path | str, start: Callable[..., Process]
) -> None:
    slow = start("one", lease_s=1000)
    assert slow.ask("put 1") == "half done"
    database = Database(place)
    with database.transaction() as connection:  # it slept, and its lease is over
        connection.execute(update(leases).values(expires_ms=0))
    database.close()
    other = start("other", lease_s=1000)
    assert other.ask("recover") == 1
    other.tell("go")
    assert other.ask("put 1") == "half done"
    assert other.said() == "put"
    said = slow.ask("go")
    assert "taken this change over" in str(said)
    assert known(place) == [1]
    assert asked(place, "SELECT * FROM missed") == []
    slow.tell("mend")  # and what it told its services last is looked after
    assert slow.said() is None
    assert len(asked(place, "SELECT * FROM missed WHERE image_id = 1")) == 1
    assert known(place) == [1]
