"""Snapshots are whole or absent, whatever was done to them."""

import logging
import os
import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from ambience.core.features import FeatureSpec, ImageId, Metric
from ambience.engine.embedded.hamming.hamming_index import HammingIndex
from ambience.engine.embedded.snapshots import Snapshots

SPEC = FeatureSpec(dim=8, dtype="uint8", metric=Metric.HAMMING)
STORE = "a-store"


def filled(count: int) -> HammingIndex:
    index = HammingIndex(SPEC)
    rows = np.random.default_rng(0).integers(0, 256, (count, 8), dtype=np.uint8)
    index.replace((), list(map(ImageId, range(count))), rows)
    return index


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    return Snapshots(tmp_path / "index")


def write(snapshots: Snapshots, seq: int, count: int = 10) -> Path:
    return snapshots.write(filled(count), seq=seq, store_id=STORE, spec=SPEC)


def test_without_a_folder_there_is_none(snapshots: Snapshots) -> None:
    assert snapshots.newest(STORE, SPEC) is None


def test_the_newest_is_found_and_loads(snapshots: Snapshots) -> None:
    write(snapshots, 9, count=3)
    path = write(snapshots, 10, count=4)
    assert snapshots.newest(STORE, SPEC) == (path, 10)
    index = HammingIndex(SPEC)
    index.load(path)
    assert len(index) == 4


def test_only_two_are_kept(snapshots: Snapshots, tmp_path: Path) -> None:
    for seq in range(5):
        write(snapshots, seq)
    kept = sorted(path.name[:20] for path in (tmp_path / "index").iterdir())
    assert kept == [f"{3:020d}", f"{4:020d}"]


def test_of_two_that_cover_the_same_the_later_counts(snapshots: Snapshots) -> None:
    for count in range(1, 9):  # names that began at random would fail one time in two
        path = write(snapshots, 10, count=count)
        assert snapshots.newest(STORE, SPEC) == (path, 10)


def test_an_older_one_written_late_replaces_nothing(snapshots: Snapshots) -> None:
    newest = write(snapshots, 10)
    write(snapshots, 5)
    assert snapshots.newest(STORE, SPEC) == (newest, 10)


def test_one_of_another_store_or_spec_is_passed_over(snapshots: Snapshots) -> None:
    write(snapshots, 1)
    other = FeatureSpec(dim=8, dtype="uint8", metric=Metric.HAMMING, version=2)
    assert snapshots.newest("another", SPEC) is None
    assert snapshots.newest(STORE, other) is None
    assert snapshots.newest(STORE, SPEC) is not None


@pytest.mark.parametrize("name", ["rows.npy", "ids.npy", "meta.json"])
@pytest.mark.parametrize("damage", ["truncated", "flipped", "gone", "grown"])
def test_a_damaged_one_is_passed_over_with_a_warning(
    snapshots: Snapshots, name: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = write(snapshots, 1)
    file = write(snapshots, 2) / name
    data = file.read_bytes()
    match damage:
        case "truncated":
            file.write_bytes(data[: len(data) // 2])
        case "flipped":
            middle = len(data) // 2
            flipped = bytes([data[middle] ^ 4])
            file.write_bytes(data[:middle] + flipped + data[middle + 1 :])
        case "gone":
            file.unlink()
        case _:
            file.write_bytes(data + b"x")
    with caplog.at_level(logging.WARNING):
        assert snapshots.newest(STORE, SPEC) == (before, 1)
    assert "can't be used" in caplog.text


def test_a_renamed_one_is_passed_over(snapshots: Snapshots) -> None:
    path = write(snapshots, 1)
    path.rename(path.with_name(f"{7:020d}-x"))
    assert snapshots.newest(STORE, SPEC) is None


def test_half_written_ones_are_ignored_and_cleaned(
    snapshots: Snapshots, tmp_path: Path
) -> None:
    old, fresh = (tmp_path / "index" / f".writing-{n}" for n in ("old", "fresh"))
    for draft in (old, fresh):
        draft.mkdir(parents=True)
    hours_ago = time.time() - 7_200
    os.utime(old, (hours_ago, hours_ago))
    assert snapshots.newest(STORE, SPEC) is None
    write(snapshots, 1)
    assert not old.exists()
    assert fresh.exists()  # another process may be at it


def test_a_failed_write_leaves_nothing(
    snapshots: Snapshots, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write(snapshots, 1)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write(snapshots, 2)
    assert list((tmp_path / "index").iterdir()) == [first]
    assert snapshots.newest(STORE, SPEC) == (first, 1)


def test_two_writers_do_not_meet(snapshots: Snapshots) -> None:
    threads = [
        threading.Thread(target=write, args=(snapshots, seq), kwargs={"count": 50})
        for seq in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    newest = snapshots.newest(STORE, SPEC)
    assert newest is not None
    assert newest[1] == 7


def test_a_snapshot_taken_away_is_no_surprise(snapshots: Snapshots) -> None:
    path = write(snapshots, 1)
    shutil.rmtree(path)
    assert snapshots.newest(STORE, SPEC) is None
