"""Pairs are what their definition says, and those that tell one story are found."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ambience.core.geometry import Matrix
from ambience.core.keypoints import Keypoints
from ambience.services.local_features.matching import (
    Consensus,
    PreparedKeypoints,
    _chance,
    consensus,
    matched,
)
from tests.services.local_features.made_up import (
    scaled,
    seen_through,
    strewn,
    turned,
)

SIZE = (384, 512)
RATIO = 0.95
SAME_PLACE = 0.01


def slowly_matched(query: Keypoints, image: Keypoints) -> list[tuple[int, int]]:
    """Pair keypoints one by one, as `matched` says."""

    def distance(ours: int, theirs: int) -> float:
        apart = query.descriptors[ours].astype(float) - image.descriptors[theirs]
        return float(np.linalg.norm(apart))

    def elsewhere(keypoints: Keypoints, one: int, other: int) -> bool:
        away = keypoints.places[one] - keypoints.places[other]
        return float(np.hypot(*away)) / max(keypoints.size) >= SAME_PLACE

    pairs = []
    for ours in range(len(query)):
        theirs = min(range(len(image)), key=lambda n: distance(ours, n))
        if ours != min(range(len(query)), key=lambda n: distance(n, theirs)):
            continue
        rivals = [
            distance(ours, n) for n in range(len(image)) if elsewhere(image, n, theirs)
        ] + [
            distance(n, theirs) for n in range(len(query)) if elsewhere(query, n, ours)
        ]
        if distance(ours, theirs) <= RATIO * min(rivals, default=np.inf):
            pairs.append((ours, theirs))
    return pairs


def like_repeated(seed: int, count: int) -> tuple[Keypoints, Keypoints]:
    """Return a query and an image with things that look alike, here and there."""
    rng = np.random.default_rng(seed)
    image = strewn(rng, SIZE, count)
    query = seen_through(rng, image, scaled(1.2), SIZE)
    for keypoints in (query, image):
        # Some twice at one place, some at another, all with a little noise.
        for place in rng.choice(len(keypoints), (len(keypoints) // 3, 2)):
            keypoints.descriptors[place[0]] = keypoints.descriptors[place[1]]
            if rng.random() < 0.5:
                keypoints.places[place[0]] = keypoints.places[place[1]] + 1
        noise = rng.normal(0, 6, keypoints.descriptors.shape)
        changed = np.clip(keypoints.descriptors + noise, 0, 255)
        keypoints.descriptors[:] = changed.astype(np.uint8)
    return query, image


@pytest.mark.parametrize("seed", range(8))
def test_pairs_are_those_of_the_slow_way(seed: int) -> None:
    query, image = like_repeated(seed, 45)
    pairs = matched(PreparedKeypoints.of(query), PreparedKeypoints.of(image))
    expected = slowly_matched(query, image)
    assert [tuple(pair) for pair in pairs.tolist()] == expected
    assert 5 < len(expected) < min(len(query), len(image))  # some were refused


def test_pairs_are_the_same_seen_from_the_other_image() -> None:
    query, image = like_repeated(1, 60)
    there = matched(PreparedKeypoints.of(query), PreparedKeypoints.of(image))
    back = matched(PreparedKeypoints.of(image), PreparedKeypoints.of(query))
    assert sorted(map(tuple, back[:, ::-1].tolist())) == list(
        map(tuple, there.tolist())
    )


@pytest.mark.parametrize(("ours", "theirs"), [(0, 0), (0, 5), (5, 0)])
def test_nothing_pairs_with_none(ours: int, theirs: int) -> None:
    rng = np.random.default_rng(0)
    query, image = strewn(rng, SIZE, ours), strewn(rng, SIZE, theirs)
    pairs = matched(PreparedKeypoints.of(query), PreparedKeypoints.of(image))
    assert pairs.shape == (0, 2)
    found = consensus(PreparedKeypoints.of(query), PreparedKeypoints.of(image), pairs)
    assert found.chance == 0


def test_a_single_keypoint_pairs_with_a_single_one() -> None:
    rng = np.random.default_rng(0)
    query, image = strewn(rng, SIZE, 1), strewn(rng, SIZE, 1)
    assert matched(
        PreparedKeypoints.of(query), PreparedKeypoints.of(image)
    ).tolist() == [[0, 0]]


def agreement(
    transform: Matrix, count: int, outliers: int, seed: int = 0
) -> tuple[Consensus, set[int]]:
    """Return what agrees, and which of the query's keypoints are right."""
    rng = np.random.default_rng(seed)
    image = strewn(rng, SIZE, count)
    query = seen_through(rng, image, transform, SIZE, outliers=outliers)
    ours, theirs = PreparedKeypoints.of(query), PreparedKeypoints.of(image)
    found = consensus(ours, theirs, matched(ours, theirs))
    return found, set(range(outliers, len(query)))


@pytest.mark.parametrize(
    "transform",
    [
        np.eye(3),
        turned(50, SIZE),
        turned(180, SIZE),
        scaled(1.4),
        scaled(0.6),
        turned(-20, SIZE) @ scaled(0.8),
    ],
    ids=["same", "turned", "upside down", "small", "large", "both"],
)
def test_a_similarity_is_found_among_wrong_pairs(transform: Matrix) -> None:
    found, right = agreement(transform, count=200, outliers=30)
    agreed = set(found.pairs[:, 0].tolist())
    # A wrong pair may lie where a right one would, but hardly ever.
    assert len(agreed - right) <= 1
    # A few keypoints are off too far in scale; far from the middle, in place.
    assert len(agreed & right) >= 0.7 * len(right)
    assert found.chance < -20
    assert 0.7 * len(right) <= found.places <= len(found.pairs)


def test_few_right_pairs_among_many_wrong_ones_are_seen() -> None:
    found, right = agreement(np.eye(3), count=110, outliers=100)
    assert len(right) == 10
    assert len(set(found.pairs[:, 0].tolist()) & right) >= 7
    assert found.chance < -4


def random_chance(seed: int, count: int) -> float:
    """Return the chance of what agrees most when everything is drawn at random."""
    rng = np.random.default_rng(seed)
    query, image = strewn(rng, SIZE, count), strewn(rng, SIZE, count)
    pairs = np.stack([np.arange(count), rng.permutation(count)], axis=1)
    return consensus(
        PreparedKeypoints.of(query), PreparedKeypoints.of(image), pairs
    ).chance


@pytest.mark.parametrize("count", [5, 20, 60, 150])
def test_random_pairs_are_no_surprise(count: int) -> None:
    chances = np.array([random_chance(seed, count) for seed in range(100)])
    # By its definition, a chance of 1 in 100 comes about once in 100 times.
    assert (chances < -2).sum() <= 2
    assert chances.min() > -4


def test_many_pairs_at_one_place_are_one() -> None:
    rng = np.random.default_rng(0)
    image = strewn(rng, SIZE, 40)
    image.places[:] = rng.uniform(99, 101, (40, 2))
    query = seen_through(rng, image, np.eye(3), SIZE)
    pairs = np.stack([np.arange(40)] * 2, axis=1)
    found = consensus(PreparedKeypoints.of(query), PreparedKeypoints.of(image), pairs)
    assert len(found.pairs) > 20
    # They straddle the edges of cells of 5 pixels.
    assert found.places <= 4
    assert found.chance > agreement(np.eye(3), count=20, outliers=0)[0].chance


@given(
    pairs=st.integers(2, 500),
    agreed=st.integers(2, 100),
    each=st.floats(1e-5, 0.05),
)
def test_a_chance_falls_with_what_agrees_and_rises_with_what_was_tried(
    pairs: int, agreed: int, each: float
) -> None:
    # Where more agree than are to be expected: the sum ends after nine of its terms.
    agreed = min(agreed, pairs)
    each = min(each, (agreed - 1) / (2 * pairs))
    chance = _chance(pairs, agreed, each)
    assert _chance(pairs, agreed - 1, each) > chance
    assert _chance(pairs + 1, agreed, each) > chance
    assert _chance(pairs, agreed, each * 1.1) > chance


@given(pairs=st.integers(2, 400), each=st.floats(1e-5, 0.05), share=st.floats(0, 1))
def test_as_many_as_are_to_be_expected_are_no_surprise(
    pairs: int, each: float, share: float
) -> None:
    assert _chance(pairs, 1 + int(share * each * pairs), each) > 0


def test_a_chance_is_the_number_of_false_alarms() -> None:
    # All four others agree with one of five: 5 times 0.1 to the 4.
    assert 10 ** _chance(5, 5, 0.1) == pytest.approx(5 * 0.1**4)
    # At least one of two others: 3 * (1 - 0.9 ** 2).
    assert 10 ** _chance(3, 2, 0.1) == pytest.approx(3 * (1 - 0.9**2))
    # Each pair agrees with itself.
    assert 10 ** _chance(7, 1, 0.1) == pytest.approx(7)
