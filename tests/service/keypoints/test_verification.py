"""Candidates are looked at in order, until more can't matter or the time is up."""

from collections.abc import Iterable

import numpy as np
import pytest

from ambience.core.features import Feature, ImageId
from ambience.core.keypoints import Keypoints, pack
from ambience.core.orientation import Orientation
from ambience.service.keypoints import Placement
from ambience.service.keypoints.verification import _AT_LEAST, _PATIENCE, Verification
from ambience.service.keypoints.votes import Candidate

FAR = 1_000.0  # seconds: no time is short
QUERY_WIDTH = 100


def keypoints(number: int) -> Keypoints:
    """Return keypoints that tell their number: by the height of the image."""
    none = np.empty(0)
    size = (number + 1, QUERY_WIDTH)
    return Keypoints(size, np.empty((0, 2)), none, none, np.empty((0, 128), np.uint8))


def placement(confidence: float) -> Placement:
    corners = np.array([(0, 0), (10, 0), (10, 10), (0, 10)], np.float64)
    return Placement(
        transform=np.eye(3),
        matches=9,
        query_points=corners,
        image_points=corners,
        query_region=corners,
        image_region=corners,
        query_overlap=0.1,
        image_overlap=0.2,
        scale=1.0,
        rotation=0.0,
        confidence=confidence,
    )


class Told:
    """A verifier that knows how sure it is of each image, in each version."""

    def __init__(self, sure: dict[tuple[int, int], float]) -> None:
        self._sure = sure
        self.looked_at: set[tuple[int, int]] = set()

    def prepared(self, keypoints: Keypoints) -> int:
        return keypoints.size[0] - 1

    def placed(self, query: int, image: int) -> Placement | None:
        self.looked_at.add((image, query))
        confidence = self._sure.get((image, query))
        return None if confidence is None else placement(confidence)


def verification_of(verifier: Told, gone: Iterable[int] = ()) -> Verification:
    absent = set(gone)
    versions = (Orientation.UPRIGHT, Orientation.MIRRORED)
    return Verification(
        verifier,
        {name: keypoints(number) for number, name in enumerate(versions)},
        lambda ids: {
            image_id: Feature(pack(keypoints(image_id)))
            for image_id in ids
            if image_id not in absent
        },
    )


def candidates(ids: Iterable[int], version: int = 0) -> list[Candidate]:
    return [Candidate(ImageId(i), 1.0, version) for i in ids]


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_what_is_placed_is_a_match(threads: int) -> None:
    verifier = Told({(2, 0): 0.9, (5, 0): 0.25})
    verification = verification_of(verifier)
    order = candidates(range(8))
    assert not verification.verify(order, time_s=FAR, enough=None, threads=threads)
    found = {m.image_id: m.distance for m in verification.matches(points=False)}
    assert found == pytest.approx({2: 0.1, 5: 0.75})


def test_the_surer_of_two_versions_counts() -> None:
    verifier = Told({(2, 0): 0.3, (2, 1): 0.9, (3, 0): 0.8, (3, 1): 0.4})
    for order in (
        [*candidates([2, 3]), *candidates([2, 3], 1)],
        [*candidates([2, 3], 1), *candidates([2, 3])],
    ):
        verification = verification_of(verifier)
        verification.verify(order, time_s=FAR, enough=None, threads=1)
        found = {m.image_id: m for m in verification.matches(points=False)}
        assert found[ImageId(2)].details["mirrored"]
        assert found[ImageId(2)].distance == pytest.approx(0.1)
        assert not found[ImageId(3)].details["mirrored"]
        assert found[ImageId(3)].distance == pytest.approx(0.2)


def test_what_is_mirrored_is_told_in_pixels_of_the_query() -> None:
    verification = verification_of(Told({(2, 1): 0.9}))
    verification.verify(candidates([2], 1), time_s=FAR, enough=None, threads=1)
    (match,) = verification.matches(points=True)
    told = match.details
    assert told["query_region"][0] == [QUERY_WIDTH, 0]
    assert told["image_region"][0] == [0, 0]
    assert told["points"][1] == [QUERY_WIDTH - 10, 0, 10, 0]
    assert "points" not in verification.matches(points=False)[0].details


def test_an_image_that_has_just_gone_is_passed_over() -> None:
    verification = verification_of(Told({(1, 0): 0.9, (2, 0): 0.9}), gone=[1])
    verification.verify(candidates([1, 2]), time_s=FAR, enough=None, threads=1)
    assert [m.image_id for m in verification.matches(points=False)] == [2]


@pytest.mark.parametrize("threads", [1, 2])
def test_it_ends_after_many_in_vain(threads: int) -> None:
    last = 10
    verifier = Told({(last, 0): 0.9, (last + _PATIENCE + 2, 0): 0.9})
    verification = verification_of(verifier)
    order = candidates(range(100))
    assert not verification.verify(order, time_s=FAR, enough=None, threads=threads)
    assert [m.image_id for m in verification.matches(points=False)] == [last]
    seen = {image for image, _ in verifier.looked_at}
    assert seen == set(range(max(seen) + 1))
    assert last + _PATIENCE <= max(seen) < last + _PATIENCE + threads


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_it_ends_with_enough(threads: int) -> None:
    verifier = Told({(image, 0): 0.9 for image in range(100)})
    verification = verification_of(verifier)
    order = candidates(range(100))
    assert not verification.verify(order, time_s=FAR, enough=3, threads=threads)
    found = sorted(m.image_id for m in verification.matches(points=False))
    assert found[:3] == [0, 1, 2]
    assert max(image for image, _ in verifier.looked_at) < 2 + threads


def test_what_is_hardly_a_match_is_not_enough() -> None:
    verifier = Told({(0, 0): 0.02, (1, 0): 0.1, (4, 0): 0.95})
    verification = verification_of(verifier)
    verification.verify(candidates(range(100)), time_s=FAR, enough=1, threads=1)
    nearest = min(verification.matches(points=False), key=lambda match: match.distance)
    assert nearest.image_id == 4


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_when_the_time_is_up_it_says_so(threads: int) -> None:
    verifier = Told({(3, 0): 0.9, (50, 0): 0.9})
    verification = verification_of(verifier)
    note = verification.verify(
        candidates(range(20)), time_s=-1, enough=None, threads=threads
    )
    assert note == f"time ran out with {20 - _AT_LEAST} candidates left to verify"
    assert {image for image, _ in verifier.looked_at} == set(range(_AT_LEAST))
    assert [m.image_id for m in verification.matches(points=False)] == [3]
