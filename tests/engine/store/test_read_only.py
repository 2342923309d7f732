"""A store that is only read finds all that is in it, and takes no change."""

from contextlib import closing
from pathlib import Path

import pytest

from ambience.core.errors import CorruptDataError, SpecMismatchError, StoredDataError
from ambience.core.features import FeatureSpec, ImageId, Metric
from ambience.engine.embedded.store import FeatureStore
from tests.engine.store.test_feature_store import SPEC, feature


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "color" / "store.lmdb"
    with FeatureStore(path, SPEC) as store:
        store.put({ImageId(7): feature(3), ImageId(8): feature(4)})
    return path


def test_it_is_read_and_stays_as_it_is(path: Path) -> None:
    before = path.read_bytes()
    with FeatureStore(path, SPEC, readonly=True) as store:
        assert (store.ids(), len(store), store.last_seq()) == ([7, 8], 2, 2)
        assert (
            store.get([ImageId(8)])[ImageId(8)].rows.tolist()
            == feature(4).rows.tolist()
        )
        assert [batch.ids for batch in store.changes(0)] == [[7, 8]]
        for change in (
            lambda: store.put({ImageId(9): feature(1)}),
            lambda: store.remove([ImageId(7)]),
        ):
            with pytest.raises(StoredDataError, match="read-only"):
                change()
        assert store.ids() == [7, 8]
    assert path.read_bytes() == before


def test_without_its_locks_it_is_read_too(path: Path) -> None:
    lock = path.with_name(f"{path.name}-lock")
    lock.unlink()
    lock.mkdir()  # so that not even root can make it
    with FeatureStore(path, SPEC, readonly=True) as store:
        assert store.ids() == [7, 8]


def test_what_is_not_there_is_said(path: Path) -> None:
    with pytest.raises(StoredDataError, match="there are no features of color"):
        FeatureStore(path.with_name("other.lmdb"), SPEC, readonly=True)
    assert not path.with_name("other.lmdb").exists()


def test_another_specification_is_refused(path: Path) -> None:
    other = FeatureSpec(dim=4, dtype="uint16", metric=Metric.L1, scale=8.0)
    with pytest.raises(SpecMismatchError, match="rebuild color"):
        FeatureStore(path, other, readonly=True)


def test_a_damaged_one_is_refused(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:4096] + bytes(4096))
    with (
        pytest.raises(CorruptDataError),
        closing(FeatureStore(path, SPEC, readonly=True)),
    ):
        pass
