"""Hashes for tests: random ones, and copies with a known number of flipped bits."""

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import FeatureSpec, Metric, Rows

SPEC = FeatureSpec(dim=72, dtype="uint8", metric=Metric.HAMMING)
BITS = 576


def random_hashes(count: int, *, seed: int) -> Rows:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (count, SPEC.dim), dtype=np.uint8)


def flipped(rows: Rows, flips: NDArray[np.int64], *, seed: int) -> Rows:
    """Return the rows with so many bits flipped in each, anywhere."""
    places = np.random.default_rng(seed).random((len(rows), BITS)).argsort(axis=1)
    mask = np.zeros((len(rows), BITS), dtype=bool)
    np.put_along_axis(mask, places, np.arange(BITS) < flips[:, None], axis=1)
    mixed: Rows = rows ^ np.packbits(mask, axis=1)
    return mixed
