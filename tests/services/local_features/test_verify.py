"""What is common to two images is found where it is, and what can't be is refused."""

import numpy as np
import pytest

from ambience.core.geometry import Matrix, Points, Size, mapped, outline, shift
from ambience.core.keypoints import Keypoints
from ambience.imaging.edits.geometry import between
from ambience.service.keypoints import Placement
from ambience.services.local_features.matching import PreparedKeypoints
from ambience.services.local_features.verify import GeometryVerifier, _placed, verify
from tests.services.local_features.made_up import (
    scaled,
    seen_through,
    strewn,
    turned,
    worst,
)

SIZE = (384, 512)  # a pixel is one of those in which the service measures
NEAR = 2.0  # pixels at the corners; places have noise of 0.5
AREA = 0.02  # of an area: what 2 pixels at each side make, and a little less


def looked_at(
    transform: Matrix,
    *,
    size: Size = SIZE,
    count: int = 300,
    outliers: int = 30,
    seed: int = 0,
) -> Placement | None:
    """Return where a query lies that shows an image through a transform."""
    rng = np.random.default_rng(seed)
    image = strewn(rng, SIZE, count)
    query = seen_through(rng, image, transform, size, outliers=outliers)
    return verify(PreparedKeypoints.of(query), PreparedKeypoints.of(image))


def tilted(share: float) -> Matrix:
    """Return a perspective that pulls in the upper corners by a share of the width."""
    frame = outline(SIZE)
    inwards = np.array([(share, 0), (-share, 0), (0, 0), (0, 0)]) * SIZE[1]
    return between(frame, frame + inwards)


def box(left: float, top: float, right: float, bottom: float) -> Points:
    return np.array(
        [(left, top), (right, top), (right, bottom), (left, bottom)], np.float64
    )


def assert_is(region: Points, expected: Points) -> None:
    """Check that two outlines have the same corners, wherever they begin."""
    away = np.linalg.norm(region[:, None] - expected, axis=2)
    assert away.min(axis=0).max() < NEAR, (region, expected)
    assert away.min(axis=1).max() < NEAR, (region, expected)


TRANSFORMS: dict[str, Matrix] = {
    "the same": np.eye(3),
    "moved": shift(60, -35),
    "turned a little": turned(7, SIZE),
    "turned": turned(-75, SIZE),
    "upside down": turned(180, SIZE),
    "smaller": shift(-100, -60) @ scaled(1.7),
    "larger": shift(60, 50) @ scaled(0.6),
    "turned and smaller": turned(25, SIZE) @ scaled(1.2),
    "squeezed": scaled(1.3, 1.0),
    "sheared": np.array([(1, 0.2, -30), (0, 1, 0), (0, 0, 1)], np.float64),
    "tilted": tilted(0.06),
    "tilted more": tilted(0.12),
}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_transform_is_found_among_wrong_pairs(name: str, seed: int) -> None:
    true = TRANSFORMS[name]
    found = looked_at(true, seed=seed)
    assert found is not None
    assert found.confidence > 0.99
    assert worst(found.transform, true, found.query_region) < NEAR
    assert_is(found.image_region, mapped(true, found.query_region))
    assert len(found.query_points) == len(found.image_points) <= found.matches
    away = mapped(found.transform, found.query_points) - found.image_points
    assert np.hypot(*away.T).max() < 3


@pytest.mark.parametrize("degrees", [-170, -90, -30, 0, 5, 45, 120])
def test_turns_are_clockwise(degrees: float) -> None:
    found = looked_at(turned(degrees, SIZE))
    assert found is not None
    assert np.degrees(found.rotation) == pytest.approx(degrees, abs=0.5)
    assert found.scale == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("factor", [0.25, 0.5, 1, 2, 3])
def test_a_scale_is_pixels_of_the_image_for_one_of_the_query(factor: float) -> None:
    height, width = (round(side / factor) for side in SIZE)
    found = looked_at(scaled(factor), size=(height, width), outliers=10)
    assert found is not None
    assert found.scale == pytest.approx(factor, rel=0.01)


def test_a_crop_is_all_of_the_query_and_a_part_of_the_image() -> None:
    found = looked_at(shift(200, 90), size=(200, 250))
    assert found is not None
    assert_is(found.query_region, outline((200, 250)))
    assert_is(found.image_region, box(200, 90, 450, 290))
    assert found.query_overlap == pytest.approx(1, abs=AREA)
    assert found.image_overlap == pytest.approx(200 * 250 / (384 * 512), abs=AREA)


def test_an_image_within_a_page_is_a_part_of_the_query() -> None:
    found = looked_at(scaled(2) @ shift(-300, -100), size=(800, 1_280))
    assert found is not None
    assert_is(found.query_region, box(300, 100, 556, 292))
    assert_is(found.image_region, outline(SIZE))
    assert found.query_overlap == pytest.approx(256 * 192 / (800 * 1_280), abs=AREA)
    assert found.image_overlap == pytest.approx(1, abs=AREA)


def test_images_that_overlap_share_a_part() -> None:
    found = looked_at(shift(212, -184))
    assert found is not None
    assert_is(found.query_region, box(0, 184, 300, 384))
    assert_is(found.image_region, box(212, 0, 512, 200))
    share = 300 * 200 / (384 * 512)
    assert found.query_overlap == pytest.approx(share, abs=AREA)
    assert found.image_overlap == pytest.approx(share, abs=AREA)


def test_a_turned_image_has_the_outline_of_what_is_common() -> None:
    true = turned(45, SIZE)
    found = looked_at(true)
    assert found is not None
    # Corners of both images are cut off by sides of the other.
    assert len(found.query_region) >= 6
    assert found.query_overlap == pytest.approx(found.image_overlap, abs=0.01)
    assert found.query_overlap < 0.9


def test_it_is_the_same_seen_from_the_other_image() -> None:
    rng = np.random.default_rng(0)
    image = strewn(rng, SIZE, 300)
    query = seen_through(rng, image, shift(40, 30) @ scaled(0.7), SIZE, outliers=30)
    there = verify(PreparedKeypoints.of(query), PreparedKeypoints.of(image))
    back = verify(PreparedKeypoints.of(image), PreparedKeypoints.of(query))
    assert there is not None
    assert back is not None
    inverse = np.linalg.inv(back.transform).astype(np.float64)
    assert worst(there.transform, inverse, there.query_region) < NEAR
    assert there.query_overlap == pytest.approx(back.image_overlap, abs=AREA)


def test_equal_keypoints_give_equal_answers() -> None:
    first, second = looked_at(tilted(0.1)), looked_at(tilted(0.1))
    assert first is not None
    assert second is not None
    np.testing.assert_array_equal(first.transform, second.transform)
    assert first.details(points=True) == second.details(points=True)


def test_a_mirrored_query_is_told_in_its_own_pixels() -> None:
    width = SIZE[1]
    true = shift(212, -100)  # of the mirrored query
    placed = looked_at(true)
    assert placed is not None
    found = placed.unmirrored(width)
    assert found.mirrored
    mirror = np.array([(-1, 0, width), (0, 1, 0), (0, 0, 1)], np.float64)
    assert worst(found.transform, true @ mirror, found.query_region) < NEAR
    assert_is(found.query_region, box(width - 300, 100, width, 384))
    assert_is(found.image_region, box(212, 0, 512, 284))
    away = mapped(found.transform, found.query_points) - found.image_points
    assert np.hypot(*away.T).max() < 3
    again = found.unmirrored(width)
    np.testing.assert_allclose(again.transform, placed.transform, atol=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_unrelated_images_have_nothing_in_common(seed: int) -> None:
    rng = np.random.default_rng(seed)
    query, image = strewn(rng, SIZE, 300), strewn(rng, SIZE, 300)
    assert verify(PreparedKeypoints.of(query), PreparedKeypoints.of(image)) is None


def test_a_mirror_image_is_not_the_same_as_it_stands() -> None:
    mirror = np.array([(-1, 0, SIZE[1]), (0, 1, 0), (0, 0, 1)], np.float64)
    assert looked_at(mirror) is None


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_few_keypoints_prove_nothing(count: int) -> None:
    assert looked_at(np.eye(3), count=count, outliers=0) is None


def test_the_more_agree_the_surer_it_is() -> None:
    found = [looked_at(np.eye(3), count=n, outliers=0) for n in (5, 7, 9, 20)]
    sure = [0.0 if placed is None else placed.confidence for placed in found]
    assert sure == sorted(sure)
    assert sure[0] < 0.5
    assert sure[-1] > 0.99


def test_keypoints_on_a_line_prove_nothing() -> None:
    rng = np.random.default_rng(0)
    image = strewn(rng, SIZE, 60)
    image.places[:, 1] = 100 + 0.3 * image.places[:, 0]
    query = seen_through(rng, image, np.eye(3), SIZE, noise=0.2)
    assert verify(PreparedKeypoints.of(query), PreparedKeypoints.of(image)) is None
    image.places[:, 1] += rng.uniform(-40, 40, 60)
    query = seen_through(rng, image, np.eye(3), SIZE, noise=0.2)
    assert verify(PreparedKeypoints.of(query), PreparedKeypoints.of(image)) is not None


def as_told(
    transform: Matrix, *, others: int = 0, other_scale: float = 1.0
) -> Placement | None:
    """Return what is said of a transform that 40 keypoints fit on exactly.

    Args:
        transform: Of the query.
        others: Keypoints that both sides have besides, everywhere, and not the same.
        other_scale: Their diameter in the query; that of all others is 1.
    """
    rng = np.random.default_rng(0)
    here = rng.uniform((156, 92), (356, 292), (40, 2))

    def side(places: Points, scale: float) -> PreparedKeypoints:
        count = len(places) + others
        alone = rng.uniform((0, 0), SIZE[::-1], (others, 2))
        scales = np.repeat([1, scale], [len(places), others])
        none = np.zeros((count, 128), np.uint8)
        every = np.vstack([places, alone])
        return PreparedKeypoints.of(
            Keypoints(SIZE, every, scales, np.zeros(count), none)
        )

    query, image = side(here, other_scale), side(mapped(transform, here), 1)
    return _placed(query, image, transform, np.stack([np.arange(40)] * 2, axis=1))


def centered(linear: Matrix) -> Matrix:
    height, width = SIZE
    return shift(width / 2, height / 2) @ linear @ shift(-width / 2, -height / 2)


@pytest.mark.parametrize(
    ("possible", "impossible"),
    [
        (centered(scaled(2.9, 1)), centered(scaled(3.1, 1))),
        (centered(scaled(1, 2.9)), centered(scaled(1, 3.1))),
        (
            centered(np.array([(1, 1, 0), (0, 1, 0), (0, 0, 1.0)])),
            centered(np.array([(1, 1.3, 0), (0, 1, 0), (0, 0, 1.0)])),
        ),
        (centered(scaled(60)), centered(scaled(70))),
        (centered(scaled(1 / 60)), centered(scaled(1 / 70))),
        (tilted(0.1), tilted(0.3)),
        (turned(180, SIZE), centered(scaled(-1, 1))),
        (turned(0, SIZE), centered(scaled(1, 0))),
        (shift(500, 0), shift(520, 0)),
    ],
    ids=[
        "wider",
        "higher",
        "sheared",
        "larger",
        "smaller",
        "tilted",
        "folded",
        "flat",
        "outside",
    ],
)
def test_what_no_copy_looks_like_is_refused(
    possible: Matrix, impossible: Matrix
) -> None:
    assert as_told(possible) is not None
    assert as_told(impossible) is None


def test_a_twentieth_of_what_should_be_common_has_to_be() -> None:
    assert as_told(np.eye(3), others=740) is not None  # 40 of 780
    assert as_told(np.eye(3), others=780) is None  # 40 of 820
    # What is too small to be seen in the image is not missed,
    assert as_told(np.eye(3), others=780, other_scale=0.9) is not None
    # nor what is outside of it: it shows three quarters.
    assert as_told(shift(-SIZE[1] / 4, 0), others=900) is not None
    assert as_told(shift(-SIZE[1] / 4, 0), others=1_200) is None


def test_the_horizon_is_in_no_copy() -> None:
    # What is right of x = 400 would be seen from behind.
    beyond = np.array([(1, 0, 0), (0, 1, 0), (-1 / 400, 0, 1)], np.float64)
    assert as_told(beyond) is None


def test_the_verifier_is_this() -> None:
    rng = np.random.default_rng(0)
    image = strewn(rng, SIZE, 100)
    query = seen_through(rng, image, turned(10, SIZE), SIZE)
    verifier = GeometryVerifier()
    found = verifier.placed(verifier.prepared(query), verifier.prepared(image))
    expected = verify(PreparedKeypoints.of(query), PreparedKeypoints.of(image))
    assert found is not None
    assert expected is not None
    assert found.details(points=True) == expected.details(points=True)
