"""Gives out image ids, none of them twice."""

import sqlite3
from collections.abc import Sequence

from ambience.core.features import ImageId

# Ids that callers choose below this are passed over by those that we give out; one
# chosen above it does not use up all those in between.
GIVEN_OUT_BELOW = 2**52


def reserve(connection: sqlite3.Connection, count: int) -> list[ImageId]:
    """Return ids that no image has, had, or ever gets otherwise."""
    query = "SELECT value FROM counters WHERE name = 'next_image_id'"
    (first,) = connection.execute(query).fetchone()
    _advance(connection, first + count)
    return [ImageId(image_id) for image_id in range(first, first + count)]


def claim(connection: sqlite3.Connection, ids: Sequence[ImageId]) -> None:
    """See to it that ids chosen by callers are not given out later."""
    below = [image_id for image_id in ids if image_id < GIVEN_OUT_BELOW]
    if below:
        _advance(connection, max(below) + 1)


def taken(connection: sqlite3.Connection, ids: Sequence[ImageId]) -> bool:
    """Whether an image has one of these ids."""
    query = "SELECT 1 FROM images WHERE image_id = ?"
    return any(connection.execute(query, (i,)).fetchone() for i in ids)


def _advance(connection: sqlite3.Connection, to: int) -> None:
    connection.execute(
        "UPDATE counters SET value = max(value, ?) WHERE name = 'next_image_id'", (to,)
    )
