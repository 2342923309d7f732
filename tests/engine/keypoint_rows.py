"""Keypoints drawn for tests, and indexes of them: equal seeds, equal rows."""

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import ImageId
from ambience.core.keypoints import DESCRIPTOR_DIM, ROW
from ambience.engine.embedded.descriptors.descriptor_index import DescriptorIndex
from ambience.service.keypoints.votes import NEIGHBORS, Ballots, Candidate, candidates

IMAGES = 60
AN_IMAGE = 50  # descriptors
UNLIKE = 140.0
WORDS = 200  # so many kinds of spots there are
_SPREAD = 12.0  # spots of one kind differ so much in each column

KeypointRows = NDArray[np.uint8]


def drawn_rows(seed: int, count: int) -> KeypointRows:
    """Return keypoints like those of photographs: descriptors in clusters.

    Returns:
        Shape ``(count, 136)``.
    """
    rng = np.random.default_rng(seed)
    kinds = np.random.default_rng(0).gamma(0.6, 60, (WORDS, DESCRIPTOR_DIM))
    spots = kinds[rng.integers(WORDS, size=count)]
    spots += rng.normal(0, _SPREAD, spots.shape)
    rows = np.zeros(count, ROW)
    rows["descriptor"] = np.clip(spots, 0, 255).astype(np.uint8)
    rows["scale"] = rng.integers(20_000, 60_000, count)
    rows["angle"] = rng.integers(0, 65_536, count)
    return rows.view(np.uint8).reshape(count, ROW.itemsize)


def near_copy(
    rows: KeypointRows, seed: int, *, turn: int = 0, octaves: float = 0.0
) -> KeypointRows:
    """Return rows of the same image, somewhat changed, turned and scaled.

    Args:
        rows: Shape ``(n, 136)``.
        seed: Of the changes.
        turn: Clockwise, in 65536 steps of a turn.
        octaves: How much larger it is.
    """
    rng = np.random.default_rng(seed)
    copy = rows.copy().view(ROW)[:, 0]
    noise = rng.normal(0, 4, copy["descriptor"].shape)
    changed = np.clip(copy["descriptor"] + noise, 0, 255)
    copy["descriptor"] = changed.astype(np.uint8)
    copy["angle"] += np.uint16(turn % 65_536)
    copy["scale"] = copy["scale"].astype(np.int64) + round(4096 * octaves)
    return copy.view(np.uint8).reshape(rows.shape)


def image(number: int) -> KeypointRows:
    return drawn_rows(number, AN_IMAGE)


def ids(number: int, count: int = AN_IMAGE) -> list[ImageId]:
    return [ImageId(number)] * count


def fill(index: DescriptorIndex, count: int = IMAGES) -> None:
    for first in range(0, count, 20):
        numbers = range(first, min(first + 20, count))
        image_ids = [i for number in numbers for i in ids(number)]
        index.replace((), image_ids, np.concatenate([image(n) for n in numbers]))


def votes(
    index: DescriptorIndex,
    rows: KeypointRows,
    count: int = 10,
    *,
    variants: NDArray[np.int64] | None = None,
    k: int = NEIGHBORS,
) -> list[Candidate]:
    of = np.zeros(len(rows), dtype=np.int64) if variants is None else variants
    ballots = Ballots.of(rows, of, index.nearest(rows, k=k))
    return candidates(ballots, count=count, unlike=UNLIKE)


def first(index: DescriptorIndex, rows: KeypointRows) -> int:
    return int(votes(index, rows)[0].image_id)
