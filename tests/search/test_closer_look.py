"""A search looks closer where it found no copy, and at the pixels of a doubtful one."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from ambience.core.errors import UnavailableError
from ambience.core.features import Image, ImageId
from ambience.core.matches import (
    Answer,
    BackgroundDistances,
    FusedMatch,
    Match,
    Relation,
)
from ambience.core.region import Region
from ambience.imaging import DEFAULT_LIMITS, ImageFile
from ambience.ingest.image_files import ImageFiles
from ambience.library.library import Library
from ambience.search.overlays import OverlayQuery, Overlays
from ambience.search.questions import ById, ByImage, Question
from ambience.search.reverse_search import ReverseSearch, ReverseSearcher
from ambience.service import SearchRequest
from ambience.service.capabilities import HoldsImages, SearchesImages
from ambience.service.keypoints import KeypointOptions
from tests.abilities import FakeService, searching
from tests.drawing import drawn_image, encode
from tests.library import as_shipped, opened_library

PAGE = (1500, 2000)
CORNER = (1310, 420)  # where a picture is on the page, x and y
USUALLY: dict[str, bool] = {}
CLOSER = {"closer": True}
LARGE = ByImage(encode(drawn_image(1, PAGE), "JPEG"))  # not the very file
KNOWN = ImageId(1)


class Looks(FakeService):
    """A service that can look closer: it notes its options, and has an answer."""

    options = KeypointOptions
    working_side = 640

    def __init__(self, name: str = "phash") -> None:
        super().__init__(name, SearchesImages, HoldsImages)
        self.asked: list[object] = []
        self.found: dict[bool, Answer | UnavailableError] = {}

    def search(self, _: object, request: SearchRequest) -> Answer:
        self.asked.append(dict(request.options))
        said = self.found.get(bool(request.options), Answer(()))
        if isinstance(said, UnavailableError):
            raise said
        return said

    def search_by_id(self, _: ImageId, request: SearchRequest) -> Answer:
        return self.search(None, request)

    extract = put = remove = ids = FakeService.refuse


@pytest.fixture
def service() -> Looks:
    return Looks()


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    with opened_library(tmp_path, enabled=("phash",)) as library:
        library.put(KNOWN, encode(drawn_image(1, PAGE)))
        yield library


@pytest.fixture
def color() -> Looks:
    return Looks("color")


@pytest.fixture
def searcher(
    library: Library, service: Looks, color: Looks
) -> Iterator[ReverseSearcher]:
    own = library.components
    searcher = ReverseSearcher(
        [service, color], own.catalog, own.originals, calibration=as_shipped()
    )
    yield searcher
    searcher.close()


def search(
    searcher: ReverseSearcher, question: Question, *, copies_only: bool = False
) -> ReverseSearch:
    return searcher.search(question, k=5, copies_only=copies_only)


COPY = Answer((Match(KNOWN, 2.0, {"orientation": "upright"}),))


SAME_COLORS = Answer(
    (Match(KNOWN, 0.01),), background=BackgroundDistances(0.8, 0.05, 256)
)
DOUBTFUL = Answer((Match(KNOWN, 190.0, {"orientation": "upright"}),))


def test_a_doubtful_copy_is_one_if_its_pixels_agree(
    searcher: ReverseSearcher, service: Looks
) -> None:
    service.found[False] = DOUBTFUL
    (match,) = search(searcher, LARGE).matches
    assert match.relation is Relation.RE_ENCODED
    assert match.score > 0.9
    assert service.asked == [USUALLY]


def test_a_likeness_hides_no_doubtful_copy(
    searcher: ReverseSearcher, service: Looks, color: Looks
) -> None:
    """That it has the same colors is likelier, until the pixels are compared."""
    service.found = {False: DOUBTFUL, True: DOUBTFUL}
    color.found = {False: SAME_COLORS, True: SAME_COLORS}
    (match,) = search(searcher, LARGE).matches
    assert match.relation is Relation.RE_ENCODED
    other = ByImage(encode(drawn_image(3, PAGE)))
    (match,) = search(searcher, other).matches
    assert match.relation is Relation.SIMILAR_COLORS


def test_a_doubtful_copy_is_none_if_they_differ(
    searcher: ReverseSearcher, service: Looks
) -> None:
    service.found = {False: DOUBTFUL, True: DOUBTFUL}
    other = encode(drawn_image(3, PAGE))
    assert not search(searcher, ByImage(other)).matches
    assert service.asked == [USUALLY, CLOSER]


@pytest.mark.parametrize("copies_only", [False, True])
def test_a_large_image_without_a_copy_is_looked_at_again(
    searcher: ReverseSearcher, service: Looks, *, copies_only: bool
) -> None:
    service.found[True] = COPY
    answer = search(searcher, LARGE, copies_only=copies_only)
    assert service.asked == [USUALLY, CLOSER]
    assert [match.image_id for match in answer.matches] == [KNOWN]
    assert answer.services["phash"].answer == COPY
    assert answer.unavailable == {}


def test_what_was_found_is_enough(searcher: ReverseSearcher, service: Looks) -> None:
    service.found[False] = COPY
    search(searcher, LARGE)
    assert service.asked == [USUALLY]


@pytest.mark.parametrize(
    "question",
    [
        ByImage(encode(drawn_image(1, (480, 640)))),
        ByImage(encode(drawn_image(1, PAGE)), Region(0, 0, 600, 400)),
        ById(KNOWN),
    ],
    ids=["no larger than what was looked at", "a small part", "only features"],
)
def test_there_is_nothing_to_look_closer_at(
    searcher: ReverseSearcher, service: Looks, question: Question
) -> None:
    search(searcher, question)
    assert service.asked == [USUALLY]


def test_a_large_part_is_looked_at_again(
    searcher: ReverseSearcher, service: Looks
) -> None:
    search(searcher, ByImage(encode(drawn_image(1, PAGE)), Region(0, 0, 1500, 1200)))
    assert service.asked == [USUALLY, CLOSER]


def test_it_is_said_that_a_service_could_not_look_closer(
    searcher: ReverseSearcher, service: Looks
) -> None:
    service.found[True] = UnavailableError("its disk is gone")
    answer = search(searcher, LARGE)
    assert answer.unavailable == {"phash": "it could not look closer: its disk is gone"}
    assert answer.services["phash"].answer == Answer(())


@pytest.mark.parametrize(
    ("name", "size"), [("astronaut.png", (150, 100)), ("coffee.png", (100, 66))]
)
def test_a_small_picture_on_a_large_page_is_found(
    name: str, size: tuple[int, int], tmp_path: Path, photos: dict[str, Path]
) -> None:
    page = Pillow.fromarray(drawn_image(9, PAGE))
    with Pillow.open(photos[name]) as picture:
        page.paste(picture.convert("RGB").resize(size), CORNER)
    data = encode(np.asarray(page))
    with opened_library(tmp_path) as library:
        ids = {
            one: library.add(photos[one]).image_id
            for one in ("astronaut.png", "chelsea.png", "coffee.png")
        }
        (local,) = (
            searching(one)
            for one in library.components.services
            if one.name == "local_features"
        )
        assert not local.search(ImageFile(data), SearchRequest(k=5)).matches
        answer = library.components.searcher.search(ByImage(data), k=5)
    (match,) = [one for one in answer.matches if one.relation.is_copy]
    assert match.image_id == ids[name]
    assert match.relation is Relation.CONTAINS
    # The pixels were compared, too, small as they are.
    assert match.evidence["overlay"]["agrees"] > 0.9
    region = np.array(match.evidence["local_features"]["query_region"])
    assert region.min(axis=0) == pytest.approx(CORNER, abs=4)


def refuse() -> Image:
    raise UnavailableError("no image can be decoded")


def test_it_is_said_that_pixels_could_not_be_looked_at_closer(library: Library) -> None:
    own = library.components
    files = ImageFiles(own.originals, limits=DEFAULT_LIMITS)
    overlays = Overlays(own.catalog, files, limits=DEFAULT_LIMITS)
    placed = {"distance": 0.0, "transform": [[100, 0, 0], [0, 100, 0], [0, 0, 1]]}
    match = FusedMatch(
        KNOWN, 0.9, Relation.CONTAINS, {"keypoints": placed}, "", "keypoints"
    )
    image = ImageFile(encode(drawn_image(3, PAGE))).image
    (seen,) = overlays.of(OverlayQuery(image, closer=refuse), [match]).values()
    assert seen["overlay"] == {
        "unchecked": "it can't be looked at closer now: no image can be decoded"
    }
    (seen,) = overlays.of(OverlayQuery(image), [match]).values()
    assert seen["overlay"] == {"unchecked": "there is too little to compare"}
