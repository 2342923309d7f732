"""The store keeps what it was given, in order, through growth and restarts."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambience.core.errors import CorruptDataError, SpecMismatchError
from ambience.core.features import Feature, FeatureSpec, ImageId, Metric
from ambience.engine.embedded.store import FeatureStore, layout

SPEC = FeatureSpec(dim=4, dtype="uint16", metric=Metric.L1, scale=9.0)


def feature(value: int, *, rows: int = 1, quality: float = 1.0) -> Feature:
    return Feature(np.full((rows, SPEC.dim), value, np.uint16), quality)


def put(store: FeatureStore, **values: int) -> None:
    store.put({ImageId(int(k[1:])): feature(v) for k, v in values.items()})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "color" / "store.lmdb"


@pytest.fixture
def store(path: Path) -> Iterator[FeatureStore]:
    with FeatureStore(path, SPEC) as store:
        yield store


def test_what_was_put_is_got(store: FeatureStore) -> None:
    store.put({ImageId(7): feature(3, rows=2, quality=0.4)})
    got = store.get([ImageId(7)])[ImageId(7)]
    np.testing.assert_array_equal(got.rows, feature(3, rows=2).rows)
    assert got.quality == pytest.approx(0.4, abs=1 / 255)


def test_absent_images_are_left_out(store: FeatureStore) -> None:
    put(store, i1=1, i2=2, i3=3)
    store.remove([ImageId(2)])
    got = store.get([ImageId(i) for i in (3, 9, 2, 1)])
    assert {i: feature.rows[0, 0] for i, feature in got.items()} == {3: 3, 1: 1}


def test_everything_is_there_after_a_restart(path: Path) -> None:
    with FeatureStore(path, SPEC) as store:
        put(store, i1=1, i2=2)
        store.remove([ImageId(1)])
        before = store.store_id, store.last_seq(), len(store), store.ids()
    with FeatureStore(path, SPEC) as store:
        assert (store.store_id, store.last_seq(), len(store), store.ids()) == before
        assert before[1:] == (3, 1, [2])


def test_removing_says_what_was_there(store: FeatureStore) -> None:
    put(store, i1=1, i2=2)
    assert store.remove([ImageId(2), ImageId(9)]) == [2]
    assert store.remove([ImageId(2)]) == []
    assert len(store) == 1


def test_ids_come_in_order_page_by_page(store: FeatureStore) -> None:
    put(store, i1=1, i300=2, i70000=3, i5=4)
    store.remove([ImageId(5)])
    assert store.ids() == [1, 300, 70000]
    assert store.ids(limit=2) == [1, 300]
    assert store.ids(after=ImageId(1), limit=1) == [300]
    assert store.ids(after=ImageId(70000), limit=1) == []


def test_changes_name_each_image_once_with_its_latest_state(
    store: FeatureStore,
) -> None:
    put(store, i1=1, i2=2, i3=3)
    put(store, i1=9)
    store.remove([ImageId(2)])
    (changes,) = store.changes(0)
    assert (changes.ids, changes.seq) == ([3, 1, 2], 5)
    assert changes.row_ids.tolist() == [3, 1]
    assert changes.rows[:, 0].tolist() == [3, 9]
    (since,) = store.changes(4)
    assert (since.ids, since.row_ids.tolist()) == ([2], [])
    assert list(store.changes(5)) == []


def test_rows_of_leaves_out_what_is_not_there(store: FeatureStore) -> None:
    store.put({ImageId(1): feature(1, rows=2), ImageId(2): feature(2)})
    store.remove([ImageId(2)])
    row_ids, rows = store.rows_of([ImageId(9), ImageId(1), ImageId(2)])
    assert row_ids.tolist() == [1, 1]
    assert rows.shape == (2, 4)
    row_ids, rows = store.rows_of([])
    assert rows.shape == (0, 4)


def test_another_specification_is_refused_with_the_command_that_helps(
    path: Path,
) -> None:
    FeatureStore(path, SPEC).close()
    newer = FeatureSpec(dim=4, dtype="uint16", metric=Metric.L1, scale=9.0, version=2)
    with pytest.raises(SpecMismatchError, match=r"version 1, now 2.*rebuild color"):
        FeatureStore(path, newer)
    FeatureStore(path, SPEC).close()  # and the refusal left it as it was


def test_a_damaged_file_is_refused_with_the_command_that_helps(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(CorruptDataError, match="rebuild color"):
        FeatureStore(path, SPEC)


def test_the_map_grows_while_others_read(path: Path) -> None:
    with FeatureStore(path, SPEC, map_bytes=2**17) as store:
        put(store, i1=1)
        stop, errors = threading.Event(), []

        def read() -> None:
            try:
                while not stop.wait(0.001):
                    assert store.get([ImageId(1)])[ImageId(1)].rows[0, 0] == 1
            except BaseException as error:  # noqa: BLE001 -- shown below
                errors.append(error)

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        for start in range(2, 20_000, 2000):
            store.put({ImageId(i): feature(i % 7) for i in range(start, start + 2000)})
        stop.set()
        for reader in readers:
            reader.join()
        assert errors == []
        assert len(store) == 20_001


def test_another_process_shares_the_store(store: FeatureStore, path: Path) -> None:
    put(store, i1=1)
    code = (
        "import sys, numpy as np\n"
        "from pathlib import Path\n"
        "from ambience.core.features import Feature, FeatureSpec, ImageId, Metric\n"
        "from ambience.engine.embedded.store import FeatureStore\n"
        "spec = FeatureSpec(dim=4, dtype='uint16', metric=Metric.L1, scale=9.0)\n"
        "store = FeatureStore(Path(sys.argv[1]), spec)\n"
        "rows = np.full((1, 4), 5, np.uint16)\n"
        "for start in range(0, 300_000, 100_000):\n"  # more than the first map holds
        "    ids = range(start, start + 100_000)\n"
        "    store.put({ImageId(i): Feature(rows) for i in ids})\n"
        "store.close()\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    assert store.get([ImageId(299_999)])[ImageId(299_999)].rows[0, 0] == 5
    assert len(store) == 300_000
    put(store, i1=6)
    assert store.get([ImageId(1)])[ImageId(1)].rows[0, 0] == 6


@given(st.integers(0, 2**53 - 1))
def test_ids_become_keys_and_back(number: int) -> None:
    assert layout.number(layout.key(number)) == number


@given(st.lists(st.integers(0, 2**53 - 1), min_size=2))
def test_keys_sort_as_ids_do(numbers: list[int]) -> None:
    keys = [layout.key(number) for number in numbers]
    assert sorted(keys) == [layout.key(number) for number in sorted(numbers)]
