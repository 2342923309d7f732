"""Pairs the keypoints of two images, and finds the pairs that tell the same story."""

from dataclasses import dataclass
from math import comb, log10

import numpy as np
from numpy.typing import NDArray

from ambience.core.keypoints import Keypoints

Pairs = NDArray[np.intp]
"""Shape ``(m, 2)``: positions of a keypoint of the query and of one of the image."""

_RATIO = 0.95  # to the second nearest: with turn, scale and place to follow, enough
_SAME_PLACE = 0.01  # of the longest side: there, the second nearest is the same thing

_MANY_CELLS = 1 << 20  # more than there are in a row
_COMPLEX = np.array((1, 1j))  # a place as one number, so that turning is a product

_AGREE_SCALE = np.log(1.5)  # a keypoint's scale is right within a third of an octave
_AGREE_TURN = np.radians(20)  # and its angle within some ten degrees
_AGREE_PLACE = 0.008  # of the longest side, at the pair itself
_AGREE_REACH = 0.12  # of the way from there: what those errors make of it
_AGREE_ELSE = 0.05  # of unrelated pairs at one place agree in scale and turn


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One image's keypoints, made ready to be compared.

    Attributes:
        keypoints: As stored.
        descriptors: Shape ``(n, 128)``, ``float32``.
        squares: Their squared lengths, shape ``(n,)``.
        places: In longest sides of the image, shape ``(n, 2)``, ``float32``.
    """

    keypoints: Keypoints
    descriptors: NDArray[np.float32]
    squares: NDArray[np.float32]
    places: NDArray[np.float32]

    @classmethod
    def of(cls, keypoints: Keypoints) -> "Side":
        """Make keypoints ready."""
        descriptors = keypoints.descriptors.astype(np.float32)
        squares = np.einsum("nd,nd->n", descriptors, descriptors)
        places = (keypoints.places / max(keypoints.size)).astype(np.float32)
        return cls(keypoints, descriptors, squares, places)


def matched(query: Side, image: Side) -> Pairs:
    """Pair keypoints that are nearest to each other, and clearly nearer than others.

    Symmetric second-nearest-neighbour matching: the second nearest at another place
    has to be farther by `_RATIO`, seen from both images.
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
    """Return each row's smallest number but for those at the place of the nearest."""
    x, y = places.T
    across, down = x[nearest, None] - x, y[nearest, None] - y
    elsewhere = across * across + down * down >= _SAME_PLACE**2
    second: NDArray[np.float32] = np.where(elsewhere, apart, np.float32(np.inf)).min(
        axis=1, initial=np.inf
    )
    return second


@dataclass(frozen=True, slots=True, eq=False)
class Agreement:
    """Pairs that one similarity, given by one of them, explains.

    Attributes:
        pairs: Those pairs.
        places: At how many places they are, in both images.
        chance: How many such sets pairs that mean nothing would give, as a logarithm
            to the base 10; the lower, the surer.
    """

    pairs: Pairs
    places: int
    chance: float


def agreeing(query: Side, image: Side, pairs: Pairs) -> Agreement:
    """Return the largest set of pairs that agree in place, scale and turn.

    Each pair has a place, a scale and an angle in both images, so it alone tells how
    one image would lie on the other; the others that fit are counted.
    """
    if not len(pairs):
        return Agreement(pairs, 0, 0.0)
    ours, theirs = pairs.T
    scale = np.log(image.keypoints.scales[theirs] / max(image.keypoints.size))
    scale -= np.log(query.keypoints.scales[ours] / max(query.keypoints.size))
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
    # Of keypoints of the image drawn at random, so many would be where one is expected.
    anywhere = image.places @ _COMPLEX
    expected = there[seed] + way[seed]
    room = (np.abs(expected[:, None] - anywhere) < allowed[seed, :, None]).mean()
    return Agreement(
        agreed, places, _chance(len(pairs), places, float(room) * _AGREE_ELSE)
    )


def _places(side: Side, chosen: NDArray[np.intp]) -> int:
    """Return at how many different places keypoints are."""
    cells = np.floor(side.places[chosen] / _SAME_PLACE).astype(np.int64)
    return len(np.unique(cells @ (1, _MANY_CELLS)))


def _chance(pairs: int, agreed: int, each: float) -> float:
    """Return the logarithm of how many sets as large are to be expected by chance.

    The number of false alarms (Desolneux, Moisan, Morel, "Meaningful alignments",
    2000): each pair is tried as the one that the others agree with.
    """
    others, found = pairs - 1, agreed - 1
    if found <= 0:
        return log10(pairs)
    terms = [
        log10(comb(others, n)) + n * log10(each) + (others - n) * log10(1 - each)
        for n in range(found, min(others, found + 8) + 1)  # the rest is nothing
    ]
    most = max(terms)
    return log10(pairs) + most + log10(sum(10 ** (term - most) for term in terms))
