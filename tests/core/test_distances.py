"""Distances are what their definitions say, whatever the dtype of the rows."""

import numpy as np
import pytest

from ambience.core.distances import row_distances, unit_rows
from ambience.core.features import Metric

FLOATS = ("float16", "float32", "float64")
WHOLE = ("uint8", "uint16")


def drawn(dtype: str, count: int, dim: int = 300) -> np.ndarray:
    rng = np.random.default_rng(count)
    if dtype in FLOATS:
        return rng.normal(0, 3, (count, dim)).astype(dtype)
    return rng.integers(0, np.iinfo(dtype).max, (count, dim), dtype, endpoint=True)


def exact(metric: Metric, query: np.ndarray, row: np.ndarray) -> float:
    """Compute one distance by its definition, in plain numbers."""
    pairs = list(zip(query.tolist(), row.tolist(), strict=True))
    match metric:
        case Metric.HAMMING:
            return float(sum((a ^ b).bit_count() for a, b in pairs))
        case Metric.L1:
            return float(sum(abs(a - b) for a, b in pairs))
        case Metric.L2:
            return float(sum((a - b) ** 2 for a, b in pairs) ** 0.5)
        case Metric.COSINE:
            lengths = sum(a * a for a, _ in pairs) * sum(b * b for _, b in pairs)
            return float(1 - sum(a * b for a, b in pairs) / lengths**0.5)


@pytest.mark.parametrize("dtype", [*FLOATS, *WHOLE])
@pytest.mark.parametrize("metric", Metric)
def test_each_metric_is_what_it_says(metric: Metric, dtype: str) -> None:
    if metric is Metric.HAMMING and dtype in FLOATS:
        return  # bits have no floats
    rows = drawn(dtype, 7)
    rows[3] = rows[0]
    found = row_distances(metric, rows[0], rows)
    expected = [exact(metric, rows[0], row) for row in rows]
    assert found == pytest.approx(expected, rel=1e-12, abs=1e-11)
    assert found[0] == found[3] == 0


@pytest.mark.parametrize("dtype", ["float16", "uint16"])
@pytest.mark.parametrize("metric", [Metric.L1, Metric.L2, Metric.COSINE])
def test_a_distance_does_not_depend_on_the_rows_beside_it(
    metric: Metric, dtype: str
) -> None:
    rows = drawn(dtype, 2_000)  # in several blocks
    together = row_distances(metric, rows[5], rows)
    alone = [row_distances(metric, rows[5], row[None])[0] for row in rows[::97]]
    assert together[::97].tolist() == alone
    backwards = row_distances(metric, rows[5], rows[::-1])
    assert together.tolist() == backwards[::-1].tolist()


def test_a_row_of_zeros_points_nowhere() -> None:
    rows = np.array([[0, 0], [1, 0], [-2, 0], [0, 3]], np.float16)
    assert row_distances(Metric.COSINE, rows[0], rows).tolist() == [1, 1, 1, 1]
    assert row_distances(Metric.COSINE, rows[1], rows).tolist() == [1, 0, 2, 1]
    assert unit_rows(rows).tolist() == [[0, 0], [1, 0], [-1, 0], [0, 1]]


@pytest.mark.parametrize("metric", [Metric.L1, Metric.L2, Metric.COSINE])
def test_no_rows_have_no_distances(metric: Metric) -> None:
    assert row_distances(metric, np.ones(4), np.empty((0, 4))).tolist() == []
