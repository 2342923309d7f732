"""Assigns image ids, none of them twice."""

from collections.abc import Sequence

from sqlalchemy import BindParameter, Connection, bindparam, case, select, update

from ambience.catalog.schema import NEXT_IMAGE_ID, counters
from ambience.core.features import ImageId

# Ids that callers choose below this are never assigned by us; an id chosen above it
# does not use up all those in between.
GIVEN_OUT_BELOW = 2**52

NEXT = select(counters.c.value).where(counters.c.name == NEXT_IMAGE_ID)
"""The next id to assign."""

_TO: BindParameter[int] = bindparam("to")
_ADVANCE = (
    update(counters)
    .where(counters.c.name == NEXT_IMAGE_ID)
    .values(value=case((counters.c.value > _TO, counters.c.value), else_=_TO))
)


def reserve(connection: Connection, count: int) -> list[ImageId]:
    """Return ids that no image has, had, or will get in any other way."""
    first: int = connection.execute(NEXT).scalar_one()
    connection.execute(_ADVANCE, {"to": first + count})
    return [ImageId(image_id) for image_id in range(first, first + count)]


def pass_over(connection: Connection, ids: Sequence[ImageId]) -> None:
    """Make sure that ids chosen by callers are not assigned later."""
    below = [image_id for image_id in ids if image_id < GIVEN_OUT_BELOW]
    if below:
        connection.execute(_ADVANCE, {"to": max(below) + 1})
