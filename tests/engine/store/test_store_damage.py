"""A store whose bytes were cut, overwritten or flipped ends no process and is named."""

import os
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import lmdb
import numpy as np
import pytest

from ambience.core.errors import CorruptDataError
from ambience.core.features import Feature, FeatureSpec, ImageId, Metric
from ambience.engine.embedded.store import FeatureStore, layout, lmdb_file

SPEC = FeatureSpec(dim=136, dtype="uint8", metric=Metric.L2)
ROWS = 100  # an image: more than a page, as keypoints take
COUNT = 40
PAGE = 4096
LEAF = 0x02

# Opens damaged stores one after another, and says what became of each: a process that
# is ended by a signal says no more.
OPEN = """
import sys
from pathlib import Path
from ambience.core.errors import CorruptDataError
from ambience.core.features import FeatureSpec, Metric
from ambience.engine.embedded.store import FeatureStore
spec = FeatureSpec(dim=136, dtype="uint8", metric=Metric.L2)
for path in map(Path, sys.argv[1:]):
    try:
        with FeatureStore(path, spec) as store:
            damaged = [i for part in store.readings() for i in part.damaged]
            list(store.changes(0))
            for image_id in store.ids():
                store.get([image_id])
            store.remove(store.ids())
        print(f"{len(damaged)} damaged", flush=True)
    except CorruptDataError as error:
        print(error, flush=True)
"""


def feature(value: int, *, rows: int = ROWS) -> Feature:
    return Feature(np.full((rows, SPEC.dim), value, np.uint8))


def fill(path: Path, ids: range = range(COUNT), *, rows: int = ROWS) -> Path:
    with FeatureStore(path, SPEC) as store:
        for start in range(0, len(ids), 500):
            batch = ids[start : start + 500]
            store.put({ImageId(i): feature(i % 250 + 1, rows=rows) for i in batch})
    return path


def opened(*paths: Path) -> list[str]:
    """Return what a process of its own says of stores."""
    words = [sys.executable, "-c", OPEN, *map(str, paths)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def flip(path: Path, found: bytes, *, at: int = 0) -> None:
    """Flip a bit wherever some bytes are in a file; old copies of them may be there."""
    data = bytearray(path.read_bytes())
    places = [place.start() for place in re.finditer(re.escape(found), data)]
    assert places
    for place in places:
        data[place + at] ^= 1
    path.write_bytes(data)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "local_features" / "store.lmdb"


@pytest.fixture
def store(path: Path) -> Iterator[FeatureStore]:
    with FeatureStore(path, SPEC) as store:
        yield store


@pytest.mark.parametrize("batch", [1, COUNT])
def test_a_store_that_was_cut_ends_no_process(tmp_path: Path, batch: int) -> None:
    whole = tmp_path / "whole.lmdb"
    for start in range(0, COUNT, batch):
        fill(whole, range(start, start + batch))
    cut = []
    for pages in range(1, 11):
        cut.append(tmp_path / str(pages) / "store.lmdb")
        cut[-1].parent.mkdir()
        shutil.copy(whole, cut[-1])
        os.truncate(cut[-1], whole.stat().st_size - pages * PAGE)
    cut.append(tmp_path / "half" / "store.lmdb")
    cut[-1].parent.mkdir()
    shutil.copy(whole, cut[-1])
    os.truncate(cut[-1], whole.stat().st_size // 2 + 100)
    said = opened(*cut)
    assert len(said) == len(cut)
    for line in said:  # what was lost is told, or that all of it is
        assert "ambience rebuild" in line or line.endswith(" damaged")
        assert line != "0 damaged"
    assert opened(whole) == ["0 damaged"]


def test_a_page_of_zeros_in_a_large_store_ends_no_process(path: Path) -> None:
    fill(path, range(24_000), rows=10)
    size = path.stat().st_size
    assert size > 2**25
    with path.open("r+b") as file:
        for page in range(size // PAGE // 2, size // PAGE):
            file.seek(page * PAGE + 10)
            if struct.unpack("=H", file.read(2)) == (LEAF,):
                file.seek(page * PAGE)
                file.write(bytes(PAGE))
                break
    (said,) = opened(path)
    assert "ambience rebuild local_features" in said


@pytest.mark.parametrize("content", [b"x", bytes(PAGE), bytes(3 * PAGE), b"no" * 9000])
def test_what_is_no_store_is_refused_with_the_command_that_helps(
    path: Path, content: bytes
) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(CorruptDataError, match="rebuild local_features"):
        FeatureStore(path, SPEC)


def test_a_store_says_whether_it_was_closed_in_order(path: Path) -> None:
    assert not lmdb_file.is_unchanged(path)
    fill(path)
    assert lmdb_file.is_unchanged(path)
    with FeatureStore(path, SPEC):
        assert not lmdb_file.is_unchanged(path)
    assert lmdb_file.is_unchanged(path)
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    with path.open("r+b") as file:
        file.seek(5 * PAGE)
        file.write(bytes(PAGE))
    os.utime(path, ns=times)
    assert not lmdb_file.is_unchanged(path)


def test_a_store_is_walked_while_others_write(path: Path) -> None:
    fill(path)
    # LMDB allows a process one opening of a file: the writer is another's.
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from tests.engine.store.test_store_damage import SPEC, feature\n"
        "from ambience.engine.embedded.store import FeatureStore\n"
        "busy = FeatureStore(Path(sys.argv[1]), SPEC)\n"
        "print('busy', flush=True)\n"
        "number = 0\n"
        "while True:\n"
        "    number += 1\n"
        "    busy.put({number % 300: feature(number % 250)})\n"
        "    busy.remove([number * 7 % 300])\n"
    )
    words = [sys.executable, "-c", code, str(path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as busy:
        try:
            assert busy.stdout is not None
            assert busy.stdout.readline() == "busy\n"
            with FeatureStore(path, SPEC) as store:
                before = store.last_seq()
                for _ in range(30):
                    store.verify()
                    assert not any(part.damaged for part in store.readings())
                assert store.last_seq() > before
        finally:
            busy.kill()


def test_changed_bytes_of_a_feature_are_noticed(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with FeatureStore(path, SPEC) as store:
        store.put({ImageId(i): feature(i, rows=1) for i in (1, 2, 3)})
    flip(path, bytes([2]) * SPEC.dim, at=50)
    with FeatureStore(path, SPEC) as store:
        (reading,) = store.readings()
        assert (reading.ids, reading.damaged) == ([1, 2, 3], [2])
        assert list(store.get([ImageId(i) for i in (1, 2, 3)])) == [1, 3]
        (changes,) = store.changes(0)
        assert (changes.ids, changes.row_ids.tolist()) == ([1, 2, 3], [1, 3])
        assert "that of image 2: run `ambience check --repair`" in caplog.text
        store.put({ImageId(2): feature(7, rows=1)})
        (reading,) = store.readings()
        assert reading.damaged == []
        (changes,) = store.changes(0)
        assert changes.ids == [1, 3, 2]
        assert store.get([ImageId(2)])[ImageId(2)].rows[0, 0] == 7


def test_a_feature_with_a_damaged_number_is_replaced_without_a_trace(
    path: Path,
) -> None:
    """The number says which change to strike out: another image's must stay."""
    with FeatureStore(path, SPEC) as store:
        store.put({ImageId(i): feature(i, rows=1) for i in (4, 5)})
    flip(path, bytes([5]) * SPEC.dim, at=SPEC.dim + 12)  # change 2 becomes 3
    with FeatureStore(path, SPEC) as store:
        store.put({ImageId(6): feature(6, rows=1)})  # which is 3
        store.put({ImageId(5): feature(5, rows=1)})
        (changes,) = store.changes(0)
        assert changes.ids == [4, 6, 5]
        assert len(store) == 3
        assert not any(part.damaged for part in store.readings())


def test_features_from_before_there_were_checksums_are_read(path: Path) -> None:
    fill(path, range(1, 4), rows=2)
    old = struct.Struct(">BQ")
    with lmdb.open(str(path), subdir=False, max_dbs=4) as env:
        db = env.open_db(b"features")
        with env.begin(write=True) as txn:
            for i in (1, 2):
                value = feature(i, rows=2).rows.tobytes() + old.pack(102, i)
                txn.put(layout.key(i), value, db=db)
    with FeatureStore(path, SPEC) as store:
        assert store.get([ImageId(1)])[ImageId(1)].rows[1, 0] == 1
        assert store.get([ImageId(1)])[ImageId(1)].quality == pytest.approx(0.4)
        (reading,) = store.readings()
        assert (reading.damaged, reading.without_checksum) == ([], 2)
        row_ids, rows = store.rows_of([ImageId(i) for i in (1, 2, 3)])
        assert row_ids.tolist() == [1, 1, 2, 2, 3, 3]
        assert rows[:, 0].tolist() == [1, 1, 2, 2, 4, 4]
        store.put({ImageId(2): feature(9)})
        (changes,) = store.changes(0)
        assert changes.ids == [1, 3, 2]
        store.add_checksums(store.ids())
        (reading,) = store.readings()
        assert (reading.damaged, reading.without_checksum) == ([], 0)
        assert store.get([ImageId(1)])[ImageId(1)].quality == pytest.approx(0.4)
    flip(path, feature(1, rows=2).rows.tobytes(), at=10)
    with FeatureStore(path, SPEC) as store:
        (reading,) = store.readings()
        assert reading.damaged == [1]


@pytest.mark.parametrize("rows", [0, 1, 3])
@pytest.mark.parametrize("dim", [1, 2, 4, 9, 136])
def test_any_flipped_bit_of_a_value_is_noticed(dim: int, rows: int) -> None:
    spec = FeatureSpec(dim=dim, dtype="uint8", metric=Metric.L2)
    image = layout.key(7)
    content = Feature(np.arange(rows * dim, dtype=np.uint8).reshape(rows, dim), 0.5)
    kept = content if rows else None
    value = layout.pack(kept, image=image, seq=258, spec=spec)
    assert layout.is_intact(value, image=image, spec=spec)
    assert layout.seq(value) == 258
    assert not layout.is_intact(value, image=layout.key(8), spec=spec)
    for bit in range(8 * len(value)):
        if bit == 8 * (len(value) - 8):
            continue  # that there is a checksum: told by the length, for most rows
        flipped = bytearray(value)
        flipped[bit // 8] ^= 0x80 >> bit % 8
        assert not layout.is_intact(bytes(flipped), image=image, spec=spec)
