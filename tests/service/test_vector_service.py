"""The index follows the store through restarts, snapshots and other processes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from ambience import registry
from ambience.core.errors import BadParameterError
from ambience.core.features import Feature, Image, ImageId
from ambience.engine.embedded import index_follower as following_module
from ambience.service import SearchRequest, ServiceSpec, VectorService
from tests.drawing import drawn_image
from tests.engine.embedded_parts import follower_of, forget_changes, store_of

SEEDS = range(8)


def image(seed: int) -> Image:
    return Image(drawn_image(seed, (60, 80)), None, (60, 80))


BLANK = Image(np.full((60, 80, 3), 255, np.uint8), None, (60, 80))


@contextmanager
def opened(folder: Path, name: str = "phash") -> Iterator[VectorService]:
    declared = registry.load(name)
    assert isinstance(declared, ServiceSpec)
    service = declared.open(declared.settings(), folder)
    assert isinstance(service, VectorService)
    try:
        yield service
    finally:
        service.close()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[VectorService]:
    with opened(tmp_path) as service:
        service.add({ImageId(seed): image(seed) for seed in SEEDS})
        yield service


def nearest(service: VectorService, seed: int) -> int:
    return service.search(image(seed), SearchRequest(k=1)).matches[0].image_id


def snapshots(folder: Path) -> list[Path]:
    return sorted((folder / "services" / "phash" / "index").iterdir())


def test_a_restart_finds_everything_again(tmp_path: Path) -> None:
    with opened(tmp_path) as service:
        service.add({ImageId(seed): image(seed) for seed in SEEDS})
        service.remove([ImageId(2)])
    with opened(tmp_path) as service:
        assert service.status().rows == len(SEEDS) - 1
        assert [nearest(service, seed) for seed in (0, 5)] == [0, 5]


def test_what_came_after_the_snapshot_is_replayed(tmp_path: Path) -> None:
    with opened(tmp_path) as service:
        service.add({ImageId(seed): image(seed) for seed in SEEDS})
        service.snapshot()
        service.add({ImageId(1): image(50), ImageId(60): image(60)})
        service.remove([ImageId(3)])
        forget_changes(service)
    with opened(tmp_path) as service:
        assert service.status().rows == len(SEEDS)
        assert [nearest(service, seed) for seed in (50, 60)] == [1, 60]
        assert service.search(image(1), SearchRequest(k=1)).matches[0].distance > 0
        assert nearest(service, 3) != 3


def test_a_snapshot_of_another_store_is_not_used(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with opened(tmp_path / name) as service:
            service.add({ImageId(seed): image(seed) for seed in SEEDS})
    index = tmp_path / "two" / "services" / "phash" / "index"
    for foreign in snapshots(tmp_path / "one"):
        foreign.rename(index / foreign.name.replace("8-", "9-"))
    with opened(tmp_path / "two") as service:
        assert service.status().rows == len(SEEDS)


def test_a_store_put_back_to_an_earlier_state_is_followed(tmp_path: Path) -> None:
    store = tmp_path / "services" / "phash" / "store.lmdb"
    with opened(tmp_path) as service:
        service.add({ImageId(1): image(1)})
    earlier = store.read_bytes()
    with opened(tmp_path) as service:
        service.add({ImageId(2): image(2)})
    store.write_bytes(earlier)
    with opened(tmp_path) as service:
        assert service.status().rows == 1
        assert nearest(service, 2) == 1


def test_changes_of_another_process_are_seen(
    service: VectorService, tmp_path: Path
) -> None:
    # LMDB refuses two handles in one process, so the other one writes to ours.
    feature = service.extractor.extract([image(70)])[0]
    store_of(service).put({ImageId(70): feature})
    assert service.status().lag == 1
    assert nearest(service, 70) == 70
    assert service.status().lag == 0
    assert tmp_path.exists()


def test_large_changes_are_snapshotted_in_the_background(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following_module, "_SNAPSHOT_CHANGES", 3)
    monkeypatch.setattr(following_module, "_SNAPSHOT_SHARE", 0)
    with opened(tmp_path) as service:
        service.add({ImageId(seed): image(seed) for seed in SEEDS})
        thread = follower_of(service)._snapshot_thread  # noqa: SLF001 -- to wait for it
        assert thread is not None
        thread.join()
        assert len(snapshots(tmp_path)) == 1


def test_closing_unchanged_writes_nothing(tmp_path: Path) -> None:
    with opened(tmp_path) as service:
        service.add({ImageId(1): image(1)})
    before = snapshots(tmp_path)
    with opened(tmp_path):
        pass
    assert snapshots(tmp_path) == before


def test_a_flat_image_is_stored_and_never_found(service: VectorService) -> None:
    service.add({ImageId(100): BLANK, ImageId(101): BLANK})
    assert service.status().count == len(SEEDS) + 2
    assert service.status().rows == len(SEEDS)
    answer = service.search(BLANK, SearchRequest(k=5))
    assert answer.matches == ()
    assert "nearly flat" in answer.note
    assert service.search_by_id(ImageId(100), SearchRequest(k=5)).note == answer.note


def test_a_flat_image_can_replace_another(service: VectorService) -> None:
    service.add({ImageId(1): BLANK})
    assert service.status().rows == len(SEEDS) - 1


def test_a_rebuilt_index_answers_as_before(
    service: VectorService, tmp_path: Path
) -> None:
    before = [service.search(image(seed), SearchRequest(k=3)) for seed in SEEDS]
    service.rebuild()
    assert [service.search(image(seed), SearchRequest(k=3)) for seed in SEEDS] == before
    assert snapshots(tmp_path)


def test_known_images_are_compared(service: VectorService) -> None:
    pixels = np.ascontiguousarray(np.fliplr(image(1).pixels))
    service.add({ImageId(50): Image(pixels, None, (60, 80)), ImageId(51): BLANK})
    found = service.compare(ImageId(1), [ImageId(i) for i in (2, 50, 51, 99)])
    assert [match.image_id for match in found] == [50, 2]
    assert found[0].details == {"orientation": "mirrored"}
    assert service.compare(ImageId(99), [ImageId(1)]) == []
    assert service.compare(ImageId(51), [ImageId(1)]) == []


def test_groups_hold_what_is_near(service: VectorService) -> None:
    mirrored = Image(np.ascontiguousarray(np.fliplr(image(1).pixels)), None, (60, 80))
    service.add({ImageId(20): image(2), ImageId(10): mirrored})
    assert service.groups(radius=32) == [[2, 20]]
    assert service.groups(radius=32, turned=True) == [[1, 10], [2, 20]]


def test_colors_are_grouped_but_not_turned(tmp_path: Path) -> None:
    with opened(tmp_path, "color") as service:
        service.add({ImageId(i): image(seed) for i, seed in ((3, 1), (8, 2), (9, 1))})
        assert service.groups(radius=0) == [[3, 9]]
        with pytest.raises(BadParameterError, match="color can't compare turned"):
            service.groups(radius=0, turned=True)


def test_searches_go_on_during_changes(service: VectorService) -> None:
    stop, errors = threading.Event(), list[BaseException]()

    def search() -> None:
        try:
            while not stop.is_set():
                assert nearest(service, 0) == 0
        except BaseException as error:  # noqa: BLE001 -- shown below
            errors.append(error)

    threads = [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    feature = service.extractor.extract([image(80)])[0]
    for start in range(100, 3000, 100):
        many = {ImageId(i): feature for i in range(start, start + 100)}
        service.put(many)
        service.remove(list(many)[::2])
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert service.status().rows == len(SEEDS) + 29 * 50


def test_several_rows_of_an_image_count_as_one(service: VectorService) -> None:
    features = service.extractor.extract([image(1), image(2)])
    rows = np.concatenate([feature.rows for feature in features])
    service.put({ImageId(30): Feature(rows)})
    found = service.search(image(1), SearchRequest(k=20)).matches
    assert sorted(m.image_id for m in found) == [*SEEDS, 30]
    assert [m.distance for m in found[:2]] == [0, 0]
