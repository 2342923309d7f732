"""An index is trained, rebuilt and read again, and no answer differs for it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ambience.core.features import ImageId
from ambience.core.matches import Match
from ambience.engine.embedded.descriptors import descriptor_index as descriptors_module
from ambience.engine.embedded.descriptors import training as training_module
from ambience.engine.embedded.descriptors.quantizer import (
    Quantizer,
    TrainingStoppedError,
)
from ambience.service import SearchRequest
from ambience.service.keypoints import KeypointService
from tests.engine.embedded_parts import forget_changes, trainer_of, training_of
from tests.service.keypoints.house import (
    BLANK,
    COUNT,
    IDS,
    add,
    crop,
    ids,
    image,
    mirrored,
    nearest,
    opened,
)

QUERIES = [crop(0), mirrored(4)]
FEW = 1_500  # descriptors: four of these images have fewer, nine have more


def answers(service: KeypointService) -> list[tuple[Match, ...]]:
    """Return what is surely found: weak candidates depend on how votes are counted."""
    return [
        service.search(query, SearchRequest(radius=0.5)).matches for query in QUERIES
    ]


def wait_for_training(service: KeypointService) -> None:
    thread = training_of(service)
    if thread is not None:
        thread.join()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[KeypointService]:
    with opened(tmp_path) as service:
        add(service, IDS)
        yield service


@pytest.fixture
def due_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(descriptors_module, "TRAINED_FROM", FEW)
    monkeypatch.setattr(training_module, "TRAINED_FROM", FEW)


@contextmanager
def reopened(folder: Path, *, seeds: list[ImageId] = IDS) -> Iterator[None]:
    """Fill and train a service, inside; it has been closed."""
    with opened(folder) as service:
        add(service, seeds)
        assert service.train()
    yield


def test_a_trained_index_finds_what_the_exact_one_does(
    service: KeypointService,
) -> None:
    exact = answers(service)
    assert [found[0].image_id for found in exact] == [0, 4]
    assert service.status().index == "exact"
    rows = service.status().rows
    assert service.train()
    assert service.status().index.startswith("IVF")
    assert service.status().rows == rows
    assert answers(service) == exact


def test_training_again_changes_no_answer(service: KeypointService) -> None:
    assert service.train()
    before, kind = answers(service), service.status().index
    assert service.train()
    assert answers(service) == before
    assert service.status().index == kind


def test_a_trained_index_follows_changes(service: KeypointService) -> None:
    assert service.train()
    rows = service.status().rows
    service.add({ImageId(50): image(50), ImageId(3): image(51), ImageId(5): BLANK})
    service.remove([ImageId(2)])
    assert nearest(service, crop(50)) == 50
    assert nearest(service, crop(51)) == 3
    for gone in (2, 3, 5):
        assert ids(service.search(image(gone), SearchRequest(radius=0.5))) == []
    assert service.status().rows < rows
    assert nearest(service, crop(7)) == 7


def test_nprobe_is_how_far_a_search_looks(service: KeypointService) -> None:
    assert service.train()
    near, far, everywhere = (
        service.search(
            crop(6), SearchRequest(k=1, options={"verify": False, "nprobe": nprobe})
        )
        for nprobe in (1, 1_000, 10_000)
    )
    assert ids(near) == ids(far) == [6]
    assert near != far  # other neighbors weigh otherwise
    assert far == everywhere  # there are no more lists


def test_a_rebuilt_index_answers_as_before(service: KeypointService) -> None:
    before = answers(service)
    service.rebuild()
    assert answers(service) == before
    assert service.status().index == "exact"
    assert service.train()
    kind = service.status().index
    service.rebuild()
    assert answers(service) == before
    assert service.status().index == kind


@pytest.mark.parametrize("trained", [False, True])
def test_a_restart_answers_as_before(tmp_path: Path, *, trained: bool) -> None:
    with opened(tmp_path) as service:
        add(service, IDS)
        service.remove([ImageId(2)])
        if trained:
            assert service.train()
        before, status = answers(service), service.status()
    with opened(tmp_path) as service:
        assert service.status() == status
        assert answers(service) == before
        add(service, [2])
        assert nearest(service, crop(2)) == 2
        service.remove([ImageId(8)])
        assert ids(service.search(image(8), SearchRequest(radius=0.5))) == []


@pytest.mark.parametrize("trained", [False, True])
def test_what_came_after_the_snapshot_is_replayed(
    tmp_path: Path, *, trained: bool
) -> None:
    with opened(tmp_path) as service:
        add(service, IDS[:8])
        if trained:
            assert service.train()
        service.snapshot()
        service.add({ImageId(1): image(50), ImageId(60): image(60)})
        service.remove([ImageId(3)])
        rows = service.status().rows
        forget_changes(service)
    with opened(tmp_path) as service:
        assert service.status().rows == rows
        assert service.status().index.startswith("IVF" if trained else "exact")
        assert [nearest(service, crop(seed)) for seed in (50, 60, 7)] == [1, 60, 7]
        assert ids(service.search(image(3), SearchRequest(radius=0.5))) == []


def test_a_lost_snapshot_is_made_anew(tmp_path: Path) -> None:
    with reopened(tmp_path):
        folder = tmp_path / "services" / "local_features" / "index"
        (codes,) = folder.glob("*/codes.faiss")
        codes.write_bytes(codes.read_bytes()[:-1_000])
    with opened(tmp_path) as service:
        assert nearest(service, crop(6)) == 6
        assert service.status().lag == 0


@pytest.mark.usefixtures("due_early")
def test_an_index_is_trained_by_itself_once_it_is_large(tmp_path: Path) -> None:
    with opened(tmp_path) as service:
        add(service, IDS[:4])
        wait_for_training(service)
        assert service.status().index == "exact"
        add(service, IDS[4:])
        wait_for_training(service)
        assert service.status().index.startswith("IVF")
        assert [nearest(service, crop(seed)) for seed in (1, 8)] == [1, 8]
        first = training_of(service)
        add(service, [20])
        assert training_of(service) is first  # not four times yet


@pytest.mark.usefixtures("due_early")
def test_a_large_store_without_a_snapshot_is_opened_trained(tmp_path: Path) -> None:
    with reopened(tmp_path):
        for folder in (tmp_path / "services" / "local_features" / "index").iterdir():
            folder.rename(tmp_path / folder.name)
    with opened(tmp_path) as service:
        assert service.status().index.startswith("IVF")
        assert [nearest(service, crop(seed)) for seed in (1, 8)] == [1, 8]


@pytest.mark.usefixtures("due_early")
def test_a_training_that_fails_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls = []

    def short_of_memory(*_: object) -> Quantizer:
        calls.append(1)
        raise MemoryError

    monkeypatch.setattr(Quantizer, "trained", short_of_memory)
    with opened(tmp_path) as service:
        add(service, IDS)
        wait_for_training(service)
        assert "could not be trained" in caplog.text
        assert service.status().index == "exact"
        assert nearest(service, crop(6)) == 6
        add(service, [20])
        wait_for_training(service)
        assert len(calls) == 1  # it waits until there is twice as much


@pytest.mark.usefixtures("due_early")
def test_closing_gives_up_a_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = threading.Event()

    def endless(_rows: object, _count: int, stop: Callable[[], bool]) -> Quantizer:
        began.set()
        while not stop():
            time.sleep(0.01)
        raise TrainingStoppedError

    with monkeypatch.context() as patch:
        patch.setattr(Quantizer, "trained", endless)
        with opened(tmp_path) as service:
            add(service, IDS)
            assert began.wait(60)
            assert service.status().index == "exact, training"
            assert nearest(service, crop(6)) == 6
        assert not trainer_of(service).active
    with opened(tmp_path) as service:
        wait_for_training(service)
        assert service.status().index.startswith("IVF")
        assert nearest(service, crop(6)) == 6


def test_nobody_notices_that_an_index_is_trained(service: KeypointService) -> None:
    failures: list[BaseException] = []
    kinds: set[str] = set()

    def train() -> None:
        try:
            for _ in range(3):
                assert service.train()
        except BaseException as error:  # noqa: BLE001 -- told by the main thread
            failures.append(error)

    before = answers(service)
    thread = threading.Thread(target=train)
    thread.start()
    added = COUNT
    while thread.is_alive():
        kinds.add(service.status().index)
        add(service, [added])
        assert nearest(service, crop(added)) == added
        service.remove([ImageId(added - 1)] if added > COUNT else [])
        found = [
            service.search(query, SearchRequest(k=1)).matches[0] for query in QUERIES
        ]
        assert found == [matches[0] for matches in before]
        added += 1
    thread.join()
    assert failures == []
    assert any(kind.endswith("training") for kind in kinds)
    assert answers(service) == before
    assert nearest(service, crop(added - 1)) == added - 1
    assert service.status().count == COUNT + 1
    assert service.status().lag == 0
    for gone in range(COUNT, added - 1):
        assert ids(service.search(image(gone), SearchRequest(radius=0.5))) == []
