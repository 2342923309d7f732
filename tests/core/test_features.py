"""Queries hold rows for several orientations, and give them back by orientation."""

import numpy as np

from ambience.core.features import Query
from ambience.core.orientation import Orientation


def test_rows_are_given_by_orientation_in_the_order_of_the_query() -> None:
    rows = np.arange(8, dtype=np.uint8).reshape(4, 2)
    query = Query(rows, ("mirrored", "upright", "mirrored", "upright"))
    found = query.by_orientation()
    assert list(found) == [Orientation.MIRRORED, Orientation.UPRIGHT]
    assert found[Orientation.UPRIGHT].tolist() == [[2, 3], [6, 7]]


def test_a_query_that_is_not_turned_has_no_orientations() -> None:
    assert Query(np.zeros((1, 2), np.uint8)).by_orientation() == {}
