"""What each service still has to get: what it missed, and what was put off."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import (
    BindParameter,
    Connection,
    Select,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)

from ambience.catalog import journal as journal_
from ambience.catalog.bulk_statements import IDS, parts, upsert
from ambience.catalog.database import Database
from ambience.catalog.journal import Begun
from ambience.catalog.records import ImageRecord
from ambience.catalog.schema import claims, images, journal, missed, trash
from ambience.core.features import ImageId

_SERVICE: BindParameter[str] = bindparam("service")
_OF_SERVICE = missed.c.service == _SERVICE
_PAGE = (
    select(missed.c.image_id, missed.c.reason, missed.c.since, missed.c.stuck)
    .where(_OF_SERVICE, missed.c.image_id > bindparam("after"))
    .order_by(missed.c.image_id)
    .limit(bindparam("limit"))
)
_IS_WAITING = (missed.c.put_off == 1) & (missed.c.stuck == 0)
_TALLIES = (
    select(
        missed.c.service,
        func.count(),
        func.sum(missed.c.stuck),
        func.sum(missed.c.put_off * (1 - missed.c.stuck)),
    )
    .group_by(missed.c.service)
    .order_by(missed.c.service)
)
_OUTDATED = (
    select(func.count())
    .select_from(missed.join(images, images.c.image_id == missed.c.image_id))
    .where(_OF_SERVICE, ~_IS_WAITING)
)
_FIRST = func.min(missed.c.image_id)
_REASONS = (
    select(missed.c.reason, func.count(), _FIRST)
    .where(_OF_SERVICE)
    .group_by(missed.c.reason)
    .order_by(_FIRST)
)
_ABSENT = (
    select(images.c.image_id)
    .where(images.c.image_id.in_(IDS))
    .where(~exists().where(journal.c.image_id == images.c.image_id))
)
_LATER = trash.alias("later")
_LEFT_OVER = (
    select(trash.c.image_id)
    .where(trash.c.image_id.in_(IDS))
    .where(~exists().where(images.c.image_id == trash.c.image_id))
    .where(~exists().where(journal.c.image_id == trash.c.image_id))
    .where(trash.c.alone == 0)  # its id was not used at one service alone since
    .where(
        ~exists().where(
            _LATER.c.image_id == trash.c.image_id, _LATER.c.number > trash.c.number
        )
    )
)
_AMONG = select(missed.c.image_id).where(_OF_SERVICE, missed.c.image_id.in_(IDS))
_WAITING_FOR = (
    select(missed.c.image_id, missed.c.service)
    .where(missed.c.image_id.in_(IDS), missed.c.stuck == 0)
    .order_by(missed.c.image_id, missed.c.service)
)
_CLEAR = delete(missed).where(
    missed.c.service.in_(bindparam("services", expanding=True)),
    missed.c.image_id.in_(IDS),
)
_KNOWN = select(images.c.image_id).where(images.c.image_id.in_(IDS))


PUT_OFF: Final = "it is slow, and gets its images one after another"
"""Why a service still has to get an image that was put off."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a change got.

    Attributes:
        reached: Services that know of it.
        missed: Why other services do not, by service.
        put_off: Services that get it later because they are slow.
    """

    reached: Sequence[str] = ()
    missed: Mapping[str, str] = field(default_factory=dict)
    put_off: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """How many images a service still has to get.

    Attributes:
        total: All of them.
        stuck: Those that were tried in vain: see `MissedChange`.
        put_off: Those of the others that it did not miss, but gets later on purpose.
    """

    total: int = 0
    stuck: int = 0
    put_off: int = 0


@dataclass(frozen=True, slots=True)
class MissedChange:
    """An image whose state at a service differs from the catalog.

    Attributes:
        image_id: The image.
        reason: Why the service could not follow.
        since: When that first happened, UTC.
        stuck: Whether it was tried and the image itself is the problem: its file is
            gone, or can't be used.
    """

    image_id: ImageId
    reason: str
    since: datetime
    stuck: bool


class Missed:
    """Knows which images each service has to be told about; one transaction per call.

    An entry means: make the service agree with the catalog about this image. It exists
    because the service could not follow, or because its work was put off. See
    `Journal.take_work` for who is working on it.

    Args:
        database: The catalog's database, so that entries and images change together.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self) -> dict[str, int]:
        """Return how many images each service has to be told about, if any."""
        return {service: tally.total for service, tally in self.tallies().items()}

    def tallies(self) -> dict[str, Tally]:
        """Return the same by kind; services that have everything are left out."""
        rows = self._database.rows(_TALLIES)
        return {service: Tally(*map(int, counts)) for service, *counts in rows}

    def outdated(self, service: str) -> int:
        """Return how many images a service has in an outdated version, or not at all.

        Images that were put off don't count: the service has nothing of them.
        """
        return int(self._database.rows(_OUTDATED, {"service": service})[0][0])

    def waiting(
        self, service: str, *, after: ImageId | None = None, limit: int
    ) -> list[ImageId]:
        """Return images to tell a service about, by id, except stuck ones."""
        query = _PAGE.where(missed.c.stuck == 0)
        rows = self._database.rows(query, _page(service, after, limit))
        return [ImageId(row.image_id) for row in rows]

    def of(
        self, service: str, *, after: ImageId | None = None, limit: int
    ) -> list[MissedChange]:
        """Return what a service has missed, by id."""
        rows = self._database.rows(_PAGE, _page(service, after, limit))
        return [
            MissedChange(
                ImageId(image_id), reason, datetime.fromisoformat(since), bool(stuck)
            )
            for image_id, reason, since, stuck in rows
        ]

    def reasons(
        self, service: str, *, stuck: bool = False
    ) -> dict[str, tuple[int, ImageId]]:
        """Return why a service misses images: for each reason, how many, and the first.

        Args:
            service: The service.
            stuck: Whether to count only stuck images; otherwise all except those that
                were put off.
        """
        query = _REASONS.where(missed.c.stuck == 1 if stuck else ~_IS_WAITING)
        rows = self._database.rows(query, {"service": service})
        return {reason: (int(n), ImageId(first)) for reason, n, first in rows}

    def services_of(self, ids: Sequence[ImageId]) -> dict[ImageId, list[str]]:
        """Return the services that still have to get each image, by image.

        Images without such services are left out, and stuck entries are not counted.
        """
        found: dict[ImageId, list[str]] = {}
        for part in parts(ids):
            for image_id, service in self._database.rows(_WAITING_FOR, {"ids": part}):
                found.setdefault(ImageId(image_id), []).append(service)
        return found

    def absent(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Return those that are in the catalog, and that nobody is changing."""
        return self._those(_ABSENT, ids)

    def left_over(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Return those that were deleted, and that nobody is using again."""
        return self._those(_LEFT_OVER, ids)

    def among(self, service: str, ids: Sequence[ImageId]) -> list[ImageId]:
        """Return those that a service is known to have missed."""
        return self._those(_AMONG.where(~_IS_WAITING), ids, service=service)

    def put_off_among(self, service: str, ids: Sequence[ImageId]) -> list[ImageId]:
        """Return those that a service gets later on purpose."""
        return self._those(_AMONG.where(_IS_WAITING), ids, service=service)

    def note_absent(self, service: str, ids: Sequence[ImageId], reason: str) -> None:
        """Record that a service lacks the `absent` ones among these images."""
        with self._database.transaction() as connection:
            self._note(connection, service, self.absent(ids), reason)

    def note_left_over(self, service: str, ids: Sequence[ImageId], reason: str) -> None:
        """Record that a service still has the `left_over` ones among these images."""
        with self._database.transaction() as connection:
            self._note(connection, service, self.left_over(ids), reason)

    def settle(self, done: Mapping[str, Sequence[ImageId]], *, begun: Begun) -> None:
        """Remove entries whose work is done, and the change from the journal.

        Args:
            done: The images that each service has now, or has forgotten, by service.
            begun: The change in the journal.

        Raises:
            TakenOverError: If others have taken the change over.
        """
        if begun.ids:
            with self._database.transaction() as connection:
                for service, ids in done.items():
                    _clear(connection, [service], ids)
                journal_.end(connection, begun)

    def mark_stuck(self, service: str, image: ImageRecord, reason: str) -> None:
        """Record that a service can't get an image as it is now, and why."""
        path = None if image.path is None else os.fsencode(image.path)
        as_it_is = exists().where(
            images.c.image_id == missed.c.image_id,
            images.c.sha256 == image.sha256,
            images.c.path.is_not_distinct_from(path),
            images.c.original.is_not_distinct_from(image.original),
        )
        stuck = update(missed).where(
            missed.c.service == service, missed.c.image_id == image.image_id, as_it_is
        )
        with self._database.transaction() as connection:
            connection.execute(stuck.values(stuck=1, reason=reason, worker=""))

    def retry(self, service: str) -> None:
        """Retry a service's stuck images, if they have a file."""
        with_file = select(images.c.image_id).where(
            or_(images.c.path.is_not(None), images.c.original.is_not(None))
        )
        stuck = (
            (missed.c.service == service)
            & (missed.c.stuck == 1)
            & missed.c.image_id.in_(with_file)
        )
        query = select(missed.c.image_id).where(stuck).limit(1)
        if self._database.rows(query):  # otherwise write nothing
            with self._database.transaction() as connection:
                connection.execute(update(missed).where(stuck).values(stuck=0))

    def _note(
        self,
        connection: Connection,
        service: str,
        ids: Sequence[ImageId],
        reason: str,
    ) -> None:
        """Record what a comparison found; existing entries stay unchanged."""
        if ids:
            connection.execute(
                upsert(connection.dialect.name, missed, ()),
                _entries({service: reason}, ids),
            )

    def _those(
        self, query: Select[int], ids: Sequence[ImageId], **more: object
    ) -> list[ImageId]:
        """Return those of some images that a query finds, in the given order."""
        found = {
            image_id
            for part in parts(ids)
            for (image_id,) in self._database.rows(query, {"ids": part, **more})
        }
        return [image_id for image_id in ids if image_id in found]


def note(connection: Connection, ids: Sequence[ImageId], reach: Reach) -> None:
    """Record who missed a change and who did not, in the transaction that makes it."""
    _clear(connection, reach.reached, ids)
    due = _entries(reach.missed, ids)
    due += _entries(dict.fromkeys(reach.put_off, PUT_OFF), ids, put_off=1)
    if due:
        put = upsert(
            connection.dialect.name, missed, ("reason", "put_off"), stuck=0, worker=""
        )
        connection.execute(put, due)


def note_lone_image(connection: Connection, image_id: ImageId, service: str) -> None:
    """Note that a caller uses an id at one service alone."""
    if not connection.execute(_KNOWN, {"ids": [image_id]}).all():
        _clear(connection, [service], [image_id])
        connection.execute(
            update(trash).where(trash.c.image_id == image_id).values(alone=1)
        )
        connection.execute(
            upsert(connection.dialect.name, claims, ()),
            {"service": service, "image_id": image_id},
        )


def retry(connection: Connection, image_id: ImageId) -> None:
    """Retry an image whose file was seen."""
    connection.execute(
        update(missed).where(missed.c.image_id == image_id).values(stuck=0)
    )


def _clear(
    connection: Connection, services: Sequence[str], ids: Sequence[ImageId]
) -> None:
    for part in parts(ids if services else []):
        connection.execute(_CLEAR, {"services": services, "ids": part})


def _entries(
    reasons: Mapping[str, str], ids: Sequence[ImageId], *, put_off: int = 0
) -> list[dict[str, object]]:
    """Return rows that say why each service still has to get each image."""
    both = {"since": datetime.now(UTC).isoformat(), "put_off": put_off}
    return [
        {"service": service, "image_id": i, "reason": reason, **both}
        for service, reason in reasons.items()
        for i in ids
    ]


def _page(service: str, after: ImageId | None, limit: int) -> dict[str, object]:
    return {
        "service": service,
        "after": -1 if after is None else after,
        "limit": limit,
    }
