"""The vectors whose Euclidean distances order rows as their own metric does."""

import numpy as np
from numpy.typing import NDArray

from ambience.core.distances import unit_rows
from ambience.core.errors import BadInputError
from ambience.core.features import FeatureSpec, Metric, Rows

# Columns of 512-bin histograms to this power order neighbors most as L1 does: 0.5
# (Hellinger) needs twice the candidates, 1 twelve times as many.
_L1_POWER = np.float32(0.65)


def ordering_vectors(spec: FeatureSpec, rows: Rows) -> NDArray[np.float32]:
    """Return a vector for each row, shape ``(n, dim)``.

    For L2 and cosine the order is the same; for L1, which is meant for histograms
    (rows that are not negative), it is nearly so.

    Raises:
        BadInputError: If the rows are of bits, which have an index of their own.
    """
    scale = np.float32(1 / spec.scale)
    match spec.metric:
        case Metric.L1:
            return np.power(rows * scale, _L1_POWER, dtype=np.float32)
        case Metric.L2:
            return np.multiply(rows, scale, dtype=np.float32)
        case Metric.COSINE:
            return unit_rows(rows).astype(np.float32)
        case Metric.HAMMING:
            raise BadInputError("rows of bits can't be ordered by Euclidean distance")
