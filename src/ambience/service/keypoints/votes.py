"""Finds candidates by counting descriptors with equal look, rotation and scale.

H. Jegou, M. Douze, C. Schmid: Hamming embedding and weak geometric consistency for
large scale image search, ECCV 2008.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import ImageId, Rows
from ambience.core.keypoints import coarse_poses
from ambience.engine.collection import DescriptorNeighbors

NEIGHBORS = 10
"""Stored descriptors that each query descriptor votes for. Ten of 4,000,000 are enough:
with 30, unrelated images gather more votes."""

UNLIKE_SHARE = 0.27
"""Distance at which descriptors rarely show the same thing, as a share of their length.

Of 4,000,000 SIFT descriptors, the tenth nearest to a descriptor is 0.25 to 0.5 away.
Without this bound, an image stored in ten equal copies is missed, because all its
neighbors are equally far. From 0.4 on, common descriptors beat the right ones in
blurred photographs of screens. This was measured for SIFT and is assumed for others.
"""

_UNIT = 1024  # votes are multiples of 1 / 1024, so their sums don't depend on order
_TURNS = 16  # bins of rotation: 22.5 degrees each, 67.5 with both neighbors
_TURN_BITS = 4  # an angle has 256 steps: 2 ** 4 per bin
_SCALE_BITS = 3  # an octave has 16 steps: bins of 2 ** 3 steps are half an octave
_SCALES = 2 * 256 >> _SCALE_BITS  # bins of scale differences from -255 to 255 steps
_PAIRS = 256  # pairs of image and variant counted together: 2 MB of bins


@dataclass(frozen=True, slots=True)
class Candidate:
    """One image that may show the same as a query.

    Attributes:
        image_id: The image.
        votes: Sum of its votes, above 0; each query descriptor gives at most 1.
        variant: Position of the query's variant (as it is, or mirrored) that voted.
    """

    image_id: ImageId
    votes: float
    variant: int


@dataclass(frozen=True, slots=True, eq=False)
class Ballots:
    """The ``k`` neighbors that each of a query's ``q`` descriptors votes for.

    Attributes:
        distances: L2, shape ``(q, k)``, nearest first; infinite where there are fewer.
        image_ids: The neighbors' images, shape ``(q, k)``, ``int64``; negative if none.
        turns: The neighbors' angles minus the query's, in 256ths of a turn, shape
            ``(q, k)``, ``uint8``.
        scalings: The neighbors' scales minus the query's, in sixteenths of an octave,
            -255 to 255, shape ``(q, k)``, ``int64``.
        variants: The variant of each query descriptor, shape ``(q,)``, ``int64``, from
            0.
    """

    distances: NDArray[np.float64]
    image_ids: NDArray[np.int64]
    turns: NDArray[np.uint8]
    scalings: NDArray[np.int64]
    variants: NDArray[np.int64]

    @classmethod
    def of(
        cls, rows: Rows, variants: NDArray[np.int64], found: DescriptorNeighbors
    ) -> "Ballots":
        """Return the ballots of a query.

        Args:
            rows: Its keypoints without frames, shape ``(q, ROW.itemsize)``.
            variants: The variant of each, from 0, shape ``(q,)``.
            found: Their neighbors.
        """
        angles, scales = coarse_poses(rows)
        return cls(
            distances=found.distances,
            image_ids=found.image_ids,
            turns=found.angles - angles[:, None],
            scalings=found.scales - scales[:, None],
            variants=variants,
        )


def candidates(ballots: Ballots, *, count: int, unlike: float) -> list[Candidate]:
    """Return the images with the most votes that agree in rotation and scale.

    Each query descriptor votes once per image, by its nearest neighbor there, with
    ``1 - d / d_last`` but at least 1 / 1024. ``d_last`` is the distance of its farthest
    neighbor, but at least ``unlike``. The votes for an image by a variant go into bins
    of rotation and scale. An image gets the votes of its fullest bin and the bins next
    to it, so that the edges of bins don't matter.

    Args:
        ballots: The neighbors that are voted for.
        count: The largest number of candidates, at least 1.
        unlike: Distance at which descriptors hardly count, above 0.

    Returns:
        Each image once per variant, sorted by ``(-votes, image_id, variant)``.
    """
    rows, columns = np.nonzero(_voting(ballots.image_ids))
    if not len(rows):
        return []
    weights = _weights(ballots.distances, unlike)[rows, columns]
    images, positions = np.unique(ballots.image_ids[rows, columns], return_inverse=True)
    variants = int(ballots.variants.max()) + 1
    pairs, votes_for = np.unique(
        positions * variants + ballots.variants[rows], return_inverse=True
    )
    bins = (ballots.turns[rows, columns] >> _TURN_BITS).astype(np.int64) * _SCALES
    bins += (ballots.scalings[rows, columns] + 256) >> _SCALE_BITS
    totals = np.bincount(votes_for, weights, minlength=len(pairs))

    # The fullest bin has at most all votes of a pair, so pairs with few need no bins.
    order = np.argsort(-totals, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    places = place[votes_for]
    fullest = np.zeros(len(order))
    for start in range(0, len(order), _PAIRS):
        if start >= count:
            least = np.partition(fullest[:start], start - count)[start - count]
            if totals[order[start]] < least:
                order, fullest = order[:start], fullest[:start]
                break
        stop = min(start + _PAIRS, len(order))
        part = (places >= start) & (places < stop)
        fullest[start:stop] = _fullest(
            places[part] - start, bins[part], weights[part], stop - start
        )

    chosen = pairs[order]
    ids, of_variant = images[chosen // variants], chosen % variants
    best = np.lexsort((of_variant, ids, -fullest))[:count]
    return [
        Candidate(ImageId(image_id), votes / _UNIT, variant)
        for image_id, votes, variant in zip(
            ids[best].tolist(),
            fullest[best].tolist(),
            of_variant[best].tolist(),
            strict=True,
        )
    ]


def _voting(image_ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which neighbors are the first of their image in a row, ``(q, k)``."""
    first = image_ids >= 0
    for column in range(1, image_ids.shape[1]):
        before = image_ids[:, :column] == image_ids[:, column : column + 1]
        first[:, column] &= ~before.any(axis=1)
    return first


def _weights(distances: NDArray[np.float64], unlike: float) -> NDArray[np.float64]:
    """Return the weight of each neighbor's vote in units, shape ``(q, k)``."""
    there = np.isfinite(distances)
    last = np.max(distances, axis=1, where=there, initial=unlike)[:, None]
    share = np.where(there, distances, last) / last
    weights: NDArray[np.float64] = np.maximum(np.rint((1 - share) * _UNIT), 1)
    return weights


def _fullest(
    pairs: NDArray[np.int64],
    bins: NDArray[np.int64],
    weights: NDArray[np.float64],
    count: int,
) -> NDArray[np.float64]:
    """Return the most votes in a bin and its eight neighbors, for ``count`` pairs."""
    size = _TURNS * _SCALES
    filled = np.bincount(pairs * size + bins, weights, minlength=count * size)
    filled = filled.reshape(count, _TURNS, _SCALES)
    turned = filled + np.roll(filled, 1, axis=1) + np.roll(filled, -1, axis=1)
    scaled = turned.copy()
    scaled[:, :, 1:] += turned[:, :, :-1]
    scaled[:, :, :-1] += turned[:, :, 1:]
    return np.asarray(scaled.max(axis=(1, 2)))
