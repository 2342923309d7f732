"""Every engine finds local descriptors, and says whose they are."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from ambience.core.features import Feature, FeatureSpec, ImageId, Metric
from ambience.core.keypoints import ROW, without_frames
from ambience.engine import DescriptorCollection
from tests.contracts.engines import OpenedEngine
from tests.engine.keypoint_rows import drawn_rows, near_copy

KEYPOINTS = FeatureSpec(dim=ROW.itemsize, dtype="uint8", metric=Metric.L2, scale=512.0)


@contextmanager
def opened_descriptors(engine: OpenedEngine) -> Iterator[DescriptorCollection]:
    collection = engine().descriptors("toy", KEYPOINTS, threads=2)
    try:
        yield collection
    finally:
        collection.close()


@pytest.fixture
def descriptors(engine: OpenedEngine) -> Iterator[DescriptorCollection]:
    with opened_descriptors(engine) as collection:
        yield collection


def ids(*numbers: int) -> list[ImageId]:
    return [ImageId(number) for number in numbers]


FRAME = np.zeros((1, ROW.itemsize), np.uint8)  # its scale is 0: it says how large


def keypoints(seed: int, count: int = 30) -> Feature:
    return Feature(np.concatenate([FRAME, drawn_rows(seed, count)]))


def test_descriptors_are_found_with_their_owners(
    descriptors: DescriptorCollection,
) -> None:
    descriptors.put({ImageId(i): keypoints(i) for i in range(6)})
    descriptors.put({ImageId(9): Feature(FRAME)})  # an image without keypoints
    assert (len(descriptors), descriptors.status().rows) == (7, 180)
    own = keypoints(4).rows
    found = descriptors.nearest(own[without_frames(own)], k=3)
    assert found.image_ids.shape == found.distances.shape == (30, 3)
    assert (found.image_ids[:, 0] == 4).all()
    assert (found.distances[:, 0] == 0).all()
    assert (np.diff(found.distances, axis=1) >= 0).all()
    packed = own[1:].view(ROW)[:, 0]
    np.testing.assert_array_equal(found.angles[:, 0], packed["angle"] >> 8)
    np.testing.assert_array_equal(found.scales[:, 0], packed["scale"] >> 8)


def test_where_there_are_fewer_descriptors_none_are_made_up(
    descriptors: DescriptorCollection,
) -> None:
    query = drawn_rows(1, 4)
    for count in (0, 2):
        if count:
            descriptors.put({ImageId(3): keypoints(3, count)})
        found = descriptors.nearest(query, k=5)
        assert (found.image_ids[:, :count] == 3).all()
        assert (found.image_ids[:, count:] == -1).all()
        assert np.isfinite(found.distances[:, :count]).all()
        assert np.isinf(found.distances[:, count:]).all()
    none = descriptors.nearest(query[:0], k=5)
    assert none.image_ids.shape == (0, 5)


def test_removed_and_replaced_descriptors_are_not_found(
    descriptors: DescriptorCollection,
) -> None:
    descriptors.put({ImageId(i): keypoints(i) for i in range(6)})
    descriptors.put({ImageId(4): keypoints(40)})
    descriptors.remove(ids(2))
    for seed, image_id in ((40, 4), (5, 5)):
        found = descriptors.nearest(drawn_rows(seed, 30), k=2)
        assert (found.image_ids[:, 0] == image_id).all()
    for seed in (2, 4):
        found = descriptors.nearest(drawn_rows(seed, 30), k=2)
        assert (found.distances[:, 0] > 0).all()
        assert 2 not in found.image_ids


@pytest.mark.parametrize("trained", [False, True])
def test_descriptors_are_there_after_a_restart(
    engine: OpenedEngine, *, trained: bool
) -> None:
    with opened_descriptors(engine) as descriptors:
        descriptors.put({ImageId(i): keypoints(i, 200) for i in range(10)})
        descriptors.remove(ids(2))
        if trained:
            assert descriptors.train()
        before = descriptors.nearest(drawn_rows(3, 50), k=4)
        status = descriptors.status()
    with opened_descriptors(engine) as descriptors:
        assert descriptors.status() == status
        after = descriptors.nearest(drawn_rows(3, 50), k=4)
        np.testing.assert_array_equal(after.image_ids, before.image_ids)
        np.testing.assert_array_equal(after.distances, before.distances)


def test_a_trained_collection_still_finds_and_follows(
    descriptors: DescriptorCollection,
) -> None:
    assert not descriptors.train()
    descriptors.put({ImageId(i): keypoints(i, 200) for i in range(10)})
    assert descriptors.train()
    descriptors.put({ImageId(50): keypoints(50, 200), ImageId(3): keypoints(51, 200)})
    descriptors.remove(ids(7))
    for seed, image_id in ((50, 50), (51, 3), (8, 8)):
        query = near_copy(drawn_rows(seed, 200), 99)
        found = descriptors.nearest(query, k=1, nprobe=64)
        assert np.mean(found.image_ids[:, 0] == image_id) > 0.8
    assert 7 not in descriptors.nearest(drawn_rows(7, 200), k=3).image_ids
    descriptors.rebuild()
    assert descriptors.status().rows == 2_000
