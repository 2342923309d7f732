"""Counts votes: which images have many descriptors that look, turn and scale alike.

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
"""Stored descriptors that each of a query's votes for. Ten of 4,000,000 are enough:
with 30, unrelated images gather more votes."""

UNLIKE_SHARE = 0.27
"""Distance at which descriptors hardly show the same, as a share of their length.

Of 4,000,000 SIFT descriptors, the tenth nearest to one is 0.25 to 0.5 away. Without
this bound, an image stored in ten equal copies is lost: all neighbors are equally far.
At 0.4 and more, common descriptors win against the right ones of blurred photographs of
screens. Measured for SIFT; other descriptors are assumed to be alike.
"""

_UNIT = 1024  # votes are whole parts of 1 / 1024: their sums don't depend on an order
_TURNS = 16  # bins of the circle: 22.5 degrees each, with both neighbors 67.5
_TURN_BITS = 4  # 256 steps of an angle are 16 bins of 2 ** 4
_SCALE_BITS = 3  # 16 steps of a scale are an octave: bins of 2 ** 3 are half of one
_SCALES = 2 * 256 >> _SCALE_BITS  # bins of differences from -255 to 255 steps
_PAIRS = 256  # of image and variant, looked at together: 2 MB of bins


@dataclass(frozen=True, slots=True)
class Candidate:
    """One image that may show the same as a query.

    Attributes:
        image_id: The image.
        votes: Their sum, above 0; each of the query's descriptors gives up to 1.
        variant: Of the query: the one whose descriptors gave them.
    """

    image_id: ImageId
    votes: float
    variant: int


@dataclass(frozen=True, slots=True, eq=False)
class Ballots:
    """What the ``q`` descriptors of a query vote with: ``k`` neighbors each.

    Attributes:
        distances: L2, shape ``(q, k)``, nearest first; infinite where there are fewer.
        image_ids: Their images, shape ``(q, k)``, ``int64``; negative: no image's.
        turns: Their angle minus that of the query's, in 256ths of a turn, ``(q, k)``,
            ``uint8``.
        scalings: Their scale minus that of the query's, in sixteenths of an octave,
            -255 to 255, ``(q, k)``, ``int64``.
        variants: Of the query's descriptors, ``(q,)``, ``int64``, not negative.
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
            variants: Which variant of the query each is of, from 0, shape ``(q,)``.
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
    """Return the images with most votes that agree in turn and scale.

    Each descriptor of the query votes once for an image, by its nearest neighbor there:
    ``1 - d / d_last``, at least 1 / 1024, where ``d_last`` is the distance of its
    farthest neighbor, at least ``unlike``. The votes for an image in a variant go into
    bins of turn and scaling. Those of the fullest bin count, together with those of the
    bins beside it, so that no edge of a bin matters.

    Args:
        ballots: What the votes come from.
        count: At most so many are returned, at least 1.
        unlike: Distance at which descriptors have nothing to say, above 0.

    Returns:
        Each image once a variant, sorted by ``(-votes, image_id, variant)``.
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

    # the fullest bin has at most all votes of a pair: those with few need no bins
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
    """Return which neighbors are their image's first in a row, shape ``(q, k)``."""
    first = image_ids >= 0
    for column in range(1, image_ids.shape[1]):
        before = image_ids[:, :column] == image_ids[:, column : column + 1]
        first[:, column] &= ~before.any(axis=1)
    return first


def _weights(distances: NDArray[np.float64], unlike: float) -> NDArray[np.float64]:
    """Return how much each neighbor's vote counts, in units, shape ``(q, k)``."""
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
    """Return the most that a bin and its eight neighbors hold, for ``count`` pairs."""
    size = _TURNS * _SCALES
    filled = np.bincount(pairs * size + bins, weights, minlength=count * size)
    filled = filled.reshape(count, _TURNS, _SCALES)
    turned = filled + np.roll(filled, 1, axis=1) + np.roll(filled, -1, axis=1)
    scaled = turned.copy()
    scaled[:, :, 1:] += turned[:, :, :-1]
    scaled[:, :, :-1] += turned[:, :, 1:]
    return np.asarray(scaled.max(axis=(1, 2)))
