"""Matches the keypoints of two images, and finds the matches that agree."""

from dataclasses import dataclass
from math import comb, log10

import numpy as np
from numpy.typing import NDArray

from ambience.core.geometry import extent
from ambience.core.keypoints import Keypoints

Pairs = NDArray[np.intp]
"""Positions of keypoints in the query and in the image, shape ``(m, 2)``."""

_RATIO = 0.95  # of the distance to the second nearest; rotation, scale and place follow
_SAME_PLACE = 0.01  # of the extent: closer keypoints are of the same thing

_MANY_CELLS = 1 << 20  # more than there are cells in a row
_COMPLEX = np.array((1, 1j))  # makes places complex, so that rotating is multiplying

_AGREE_SCALE = np.log(1.5)  # scales of keypoints are exact to a third of an octave
_AGREE_TURN = np.radians(20)  # and their angles to about ten degrees
_AGREE_PLACE = 0.008  # of the extent, at the match itself
_AGREE_REACH = 0.12  # of the distance from it, to which those errors add up
_AGREE_ELSE = 0.05  # share of unrelated matches at a place that agree otherwise


@dataclass(frozen=True, slots=True, eq=False)
class PreparedKeypoints:
    """The keypoints of an image, prepared for matching.

    Attributes:
        keypoints: The keypoints.
        descriptors: Shape ``(n, 128)``, ``float32``.
        squares: Squared lengths of the descriptors, shape ``(n,)``.
        places: Divided by the extent of the image, shape ``(n, 2)``, ``float32``.
    """

    keypoints: Keypoints
    descriptors: NDArray[np.float32]
    squares: NDArray[np.float32]
    places: NDArray[np.float32]

    @classmethod
    def of(cls, keypoints: Keypoints) -> "PreparedKeypoints":
        """Prepare keypoints."""
        descriptors = keypoints.descriptors.astype(np.float32)
        squares = np.einsum("nd,nd->n", descriptors, descriptors)
        places = (keypoints.places / extent(keypoints.size)).astype(np.float32)
        return cls(keypoints, descriptors, squares, places)


def matched(query: PreparedKeypoints, image: PreparedKeypoints) -> Pairs:
    """Match keypoints that are nearest to each other, and clearly nearer than others.

    This is symmetric second-nearest-neighbor matching (SMNN): from both images, the
    second nearest at another place must be farther by `_RATIO`.
    """
    if not len(query.keypoints) or not len(image.keypoints):
        return np.empty((0, 2), np.intp)
    apart = query.descriptors @ (-2 * image.descriptors.T)
    apart += query.squares[:, None]
    apart += image.squares
    there, back = apart.argmin(axis=1), apart.argmin(axis=0)
    ours = np.flatnonzero(back[there] == np.arange(len(there)))
    theirs = there[ours]
    best = apart[ours, theirs] / _RATIO**2
    clear = best <= _second(apart[ours], image.places, theirs)
    clear &= best <= _second(apart[:, theirs].T, query.places, ours)
    return np.stack([ours[clear], theirs[clear]], axis=1)


def _second(
    apart: NDArray[np.float32], places: NDArray[np.float32], nearest: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Return each row's smallest number, except at the place of the nearest."""
    x, y = places.T
    across, down = x[nearest, None] - x, y[nearest, None] - y
    elsewhere = across * across + down * down >= _SAME_PLACE**2
    second: NDArray[np.float32] = np.where(elsewhere, apart, np.float32(np.inf)).min(
        axis=1, initial=np.inf
    )
    return second


@dataclass(frozen=True, slots=True, eq=False)
class Consensus:
    """Matches that agree with the similarity that one of them defines.

    Attributes:
        pairs: The matches.
        places: Number of distinct places they cover in both images.
        chance: Expected number of such sets among random matches, as a logarithm to
            base 10; lower is surer.
    """

    pairs: Pairs
    places: int
    chance: float


def consensus(
    query: PreparedKeypoints, image: PreparedKeypoints, pairs: Pairs
) -> Consensus:
    """Return the largest set of matches that agree in place, scale and rotation.

    Each match has a place, a scale and an angle in both images, so it alone defines a
    similarity from one image to the other. The matches that fit it are counted.
    """
    if not len(pairs):
        return Consensus(pairs, 0, 0.0)
    ours, theirs = pairs.T
    scale = np.log(image.keypoints.scales[theirs] / extent(image.keypoints.size))
    scale -= np.log(query.keypoints.scales[ours] / extent(query.keypoints.size))
    turn = image.keypoints.angles[theirs] - query.keypoints.angles[ours]
    here, there = query.places[ours] @ _COMPLEX, image.places[theirs] @ _COMPLEX
    way = (here - here[:, None]) * np.exp(scale + 1j * turn)[:, None]
    allowed = _AGREE_PLACE + _AGREE_REACH * np.abs(way)
    agree = np.abs(there[:, None] + way - there) < allowed
    agree &= np.abs(scale[:, None] - scale) < _AGREE_SCALE
    agree &= np.cos(turn[:, None] - turn) > np.cos(_AGREE_TURN)
    seed = int(agree.sum(axis=1).argmax())
    agreed = pairs[agree[seed]]
    places = min(_places(query, agreed[:, 0]), _places(image, agreed[:, 1]))
    # The share of the image's keypoints that would fit at random.
    anywhere = image.places @ _COMPLEX
    expected = there[seed] + way[seed]
    room = (np.abs(expected[:, None] - anywhere) < allowed[seed, :, None]).mean()
    return Consensus(
        agreed, places, _chance(len(pairs), places, float(room) * _AGREE_ELSE)
    )


def _places(side: PreparedKeypoints, chosen: NDArray[np.intp]) -> int:
    """Return the number of distinct places of keypoints."""
    cells = np.floor(side.places[chosen] / _SAME_PLACE).astype(np.int64)
    return len(np.unique(cells @ (1, _MANY_CELLS)))


def _chance(pairs: int, agreed: int, each: float) -> float:
    """Return the expected number of sets this large by chance, as a logarithm.

    It is the number of false alarms (Desolneux, Moisan, Morel, "Meaningful alignments",
    2000), as each match is tried as the one that defines the similarity.

    Args:
        pairs: Number of matches.
        agreed: Number of matches that agree.
        each: Probability that an unrelated match agrees.
    """
    others, found = pairs - 1, agreed - 1
    if found <= 0:
        return log10(pairs)
    terms = [
        log10(comb(others, n)) + n * log10(each) + (others - n) * log10(1 - each)
        for n in range(found, min(others, found + 8) + 1)  # the rest is negligible
    ]
    most = max(terms)
    return log10(pairs) + most + log10(sum(10 ** (term - most) for term in terms))
