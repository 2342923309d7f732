"""An import gives services many images at once, and each as if it were alone."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from ambience.core.errors import BadInputError, TruncatedImageError
from ambience.imaging import WORKING_SIDE, ImageFile
from ambience.ingest import ImageLocks
from ambience.ingest.folders import FoundFile, file_batches
from ambience.ingest.incoming import Prepared, prepare
from ambience.ingest.sinks import Sinks
from ambience.service.capabilities import HoldsImages
from tests.abilities import FakeService
from tests.drawing import drawn_image, encode

FILES = [encode(drawn_image(seed, (60, 80))) for seed in range(5)]
MEBI = 2**20


Telling = Callable[..., Sinks]


class Sizes(FakeService):
    """A service that notes how many images it gets, and the size of each."""

    def __init__(self, side: int | None, dislikes: bytes = b"") -> None:
        super().__init__(f"sizes of {side}", HoldsImages)
        self.working_side = side
        self.batches: list[int] = []
        self._dislikes = dislikes

    def extract(self, images: Sequence[ImageFile]) -> list[object]:
        self.batches.append(len(images))
        if self._dislikes in [image.data for image in images]:
            raise BadInputError("not this one")
        if self.working_side is None:
            return [image.sha256 for image in images]
        return [image.at(self.working_side).pixels.shape for image in images]

    put = remove = ids = FakeService.refuse


@pytest.fixture
def told() -> Iterator[Telling]:
    with ExitStack() as opened:

        def told(*services: Sizes) -> Sinks:
            sinks = Sinks(services, ImageLocks())
            opened.callback(sinks.close)
            return sinks

        yield told


def read(files: Sequence[bytes], sinks: Sinks) -> list[ImageFile]:
    return [ImageFile(data, sides=sinks.sides()) for data in files]


def test_each_service_gets_all_images_at_once_in_its_own_size(told: Telling) -> None:
    usual, small, elsewhere = Sizes(WORKING_SIDE), Sizes(40), Sizes(None)
    sinks = told(usual, small, elsewhere)
    assert sinks.sides() == {WORKING_SIDE, 40}
    prepared = prepare(read(FILES, sinks), sinks)
    assert usual.batches == small.batches == elsewhere.batches == [len(FILES)]
    for data, one in zip(FILES, prepared, strict=True):
        assert isinstance(one, Prepared)
        assert one.extracted == {
            usual.name: (60, 80, 3),
            small.name: (30, 40, 3),
            elsewhere.name: ImageFile(data).sha256,
        }


def test_a_batch_prepares_what_each_image_by_itself_would_be(told: Telling) -> None:
    sinks = told(Sizes(WORKING_SIDE))
    together = prepare(read(FILES, sinks), sinks)
    alone = [one for data in FILES for one in prepare(read([data], sinks), sinks)]
    for one, other in zip(together, alone, strict=True):
        assert isinstance(one, Prepared)
        assert isinstance(other, Prepared)
        assert one.sha256 == other.sha256
        assert one.thumbnail == other.thumbnail
        assert one.extracted == other.extracted


def test_an_image_that_cant_be_decoded_costs_the_others_nothing(told: Telling) -> None:
    sinks = told(Sizes(WORKING_SIDE))
    broken = FILES[0][: len(FILES[0]) // 2]
    files = [FILES[1], broken, FILES[2]]
    first, second, third = prepare(read(files, sinks), sinks)
    assert isinstance(first, Prepared)
    assert isinstance(second, TruncatedImageError)
    assert isinstance(third, Prepared)


def test_an_image_that_a_service_refuses_costs_others_nothing(
    told: Telling,
) -> None:
    sinks = told(Sizes(WORKING_SIDE, dislikes=FILES[3]))
    prepared = prepare(read(FILES, sinks), sinks)
    refused = [n for n, one in enumerate(prepared) if isinstance(one, BadInputError)]
    assert refused == [3]


def test_no_image_is_nothing_to_prepare(told: Telling) -> None:
    assert prepare([], told(Sizes(WORKING_SIDE))) == []


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_files_are_dealt_to_all_threads_in_order(threads: int) -> None:
    for count in (0, 1, 2, 3, 16, 100):
        files = [FoundFile(Path(str(n)), n, 0) for n in range(count)]
        parts = list(file_batches(files, threads=threads))
        assert [file for part in parts for file in part] == files
        share = -(-count // threads)
        assert max(map(len, parts), default=0) <= share
        assert all(parts)


def test_large_files_are_worked_on_one_by_one() -> None:
    files = [FoundFile(Path(str(n)), 40 * MEBI, 0) for n in range(5)]
    assert [len(part) for part in file_batches(files, threads=1)] == [1] * 5
