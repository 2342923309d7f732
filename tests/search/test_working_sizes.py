"""A search decodes its image once, for every size that services look at."""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from ambience.core.features import WORKING_SIDE, ImageId
from ambience.core.matches import Answer
from ambience.core.region import Region
from ambience.core.search_options import SearchOptions
from ambience.imaging import ImageFile
from ambience.imaging.decoder_client import decoded_images
from ambience.search.questions import ById, ByImage, Question
from ambience.search.reverse_search import ReverseSearcher
from ambience.service import SearchRequest
from ambience.service.capabilities import HoldsImages, SearchesImages
from tests.abilities import FakeService
from tests.drawing import drawn_image, encode
from tests.library import as_shipped, opened_library

IMAGE = encode(drawn_image(1, (600, 800)))
SIDES = (100, 300)
KNOWN = ImageId(1)
REGION = Region(0, 0, 400, 500)


class Looks(FakeService):
    """A service that looks at images at a size, and finds none."""

    options = SearchOptions

    def __init__(self, side: int) -> None:
        super().__init__(f"looks at {side}", SearchesImages, HoldsImages)
        self.working_side = side
        self.seen: list[tuple[int, ...]] = []

    def search(self, image: ImageFile, _: SearchRequest) -> Answer:
        self.seen.append(image.at(self.working_side).pixels.shape)
        return Answer(())

    search_by_id = extract = put = remove = ids = FakeService.refuse


Asked = Callable[..., list[set[int]]]


@pytest.fixture
def services() -> list[Looks]:
    return [Looks(side) for side in SIDES]


@pytest.fixture
def asked(
    services: list[Looks], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Asked]:
    """Search; return which sizes each decode made."""
    made: list[set[int]] = []

    def noted(data: bytes, *, sides: Collection[int], **others: Any) -> Any:
        made.append(set(sides))
        return decoded_images(data, sides=sides, **others)

    with opened_library(tmp_path, enabled=("phash",)) as library:
        library.put(KNOWN, IMAGE)
        own = library.components
        searcher = ReverseSearcher(
            services, own.catalog, own.originals, calibration=as_shipped()
        )
        monkeypatch.setattr("ambience.imaging.image_file.decoded_images", noted)

        def ask(question: Question, *names: str) -> list[set[int]]:
            made.clear()
            found = searcher.search(question, k=1, services=names)
            assert found.unavailable == {}
            return made

        yield ask
        searcher.close()


def test_one_decode_makes_every_size(asked: Asked, services: list[Looks]) -> None:
    assert asked(ByImage(IMAGE)) == [{WORKING_SIDE, *SIDES}]
    assert [one.seen for one in services] == [[(75, 100, 3)], [(225, 300, 3)]]


def test_sizes_that_nobody_who_is_asked_looks_at_are_not_made(
    asked: Asked, services: list[Looks]
) -> None:
    assert asked(ByImage(IMAGE), services[0].name) == [{WORKING_SIDE, SIDES[0]}]


@pytest.mark.parametrize("question", [ByImage(IMAGE, REGION), ById(KNOWN, REGION)])
def test_of_a_part_too(asked: Asked, services: list[Looks], question: Question) -> None:
    *whole, part = asked(question)
    assert part == {WORKING_SIDE, *SIDES}
    assert all(sizes == {WORKING_SIDE} for sizes in whole)
    assert [one.seen for one in services] == [[(100, 80, 3)], [(300, 240, 3)]]
