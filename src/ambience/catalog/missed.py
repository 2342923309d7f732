"""What each service missed while it was down, until that is made up for."""

import os
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ambience.catalog import journal
from ambience.catalog.database import Database
from ambience.catalog.records import ImageRecord
from ambience.core.features import ImageId

_NOTE = (
    "INSERT INTO missed (service, image_id, reason, since) VALUES (?, ?, ?, ?) "
    "ON CONFLICT DO UPDATE SET reason = excluded.reason, stuck = 0"
)
_NOTE_NEW = _NOTE.partition("DO UPDATE")[0] + "DO NOTHING"
_CLEAR = "DELETE FROM missed WHERE service = ? AND image_id = ?"
_IS_CHANGING = "EXISTS (SELECT 1 FROM journal WHERE image_id = ?1)"
_IS_KNOWN = "EXISTS (SELECT 1 FROM images WHERE image_id = ?1)"
_IS_DELETED = (  # and its id not put to one service alone since
    "(SELECT alone FROM trash WHERE image_id = ?1 ORDER BY rowid DESC LIMIT 1) = 0"
)


@dataclass(frozen=True, slots=True)
class Reach:
    """How far a change got.

    Attributes:
        reached: Services that know of it.
        missed: By service, why it does not.
    """

    reached: Sequence[str] = ()
    missed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MissedChange:
    """An image whose state at a service is not what the catalog says.

    Attributes:
        image_id: Which.
        reason: Why the service could not follow.
        since: When it first could not, UTC.
        stuck: Whether it was tried again, and the image itself is in the way: its
            file is not there, or can't be used.
    """

    image_id: ImageId
    reason: str
    since: datetime
    stuck: bool


class Missed:
    """Knows for each service which images it has to be told of; one transaction a call.

    An entry means: make what the service has of this image agree with the catalog.

    Args:
        database: Holds the entries, beside the images, so that both change together.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self) -> dict[str, int]:
        """Return how many images each service has to be told of; 0 is left out."""
        rows = self._database.rows(
            "SELECT service, count(*) FROM missed GROUP BY service ORDER BY service"
        )
        return {service: int(count) for service, count in rows}

    def outdated(self, service: str) -> int:
        """Return of how many images in the catalog a service has missed the latest."""
        query = (
            "SELECT count(*) FROM missed WHERE service = ? "
            "AND image_id IN (SELECT image_id FROM images)"
        )
        return int(self._database.rows(query, (service,))[0][0])

    def waiting(
        self, service: str, *, after: ImageId | None = None, limit: int
    ) -> list[ImageId]:
        """Return images to tell a service of, by id, without those that are stuck."""
        rows = self._database.rows(
            "SELECT image_id FROM missed WHERE service = ? AND stuck = 0 "
            "AND image_id > ? ORDER BY image_id LIMIT ?",
            (service, -1 if after is None else after, limit),
        )
        return [ImageId(image_id) for (image_id,) in rows]

    def of(
        self, service: str, *, after: ImageId | None = None, limit: int
    ) -> list[MissedChange]:
        """Return what a service has missed, by id."""
        rows = self._database.rows(
            "SELECT image_id, reason, since, stuck FROM missed WHERE service = ? "
            "AND image_id > ? ORDER BY image_id LIMIT ?",
            (service, -1 if after is None else after, limit),
        )
        return [
            MissedChange(
                ImageId(image_id), reason, datetime.fromisoformat(since), bool(stuck)
            )
            for image_id, reason, since, stuck in rows
        ]

    def reasons(self, service: str) -> dict[str, tuple[int, ImageId]]:
        """Return why a service misses images: how many, and the first of them."""
        rows = self._database.rows(
            "SELECT reason, count(*), min(image_id) FROM missed WHERE service = ? "
            "GROUP BY reason ORDER BY 3",
            (service,),
        )
        return {reason: (int(n), ImageId(first)) for reason, n, first in rows}

    def absent(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Return those that are in the catalog, and that nobody is changing."""
        return self._those(ids, f"{_IS_KNOWN} AND NOT {_IS_CHANGING}")

    def left_over(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Return those that were deleted, and that nobody has any use for."""
        wanted = f"NOT {_IS_KNOWN} AND NOT {_IS_CHANGING} AND {_IS_DELETED}"
        return self._those(ids, wanted)

    def among(self, service: str, ids: Sequence[ImageId]) -> list[ImageId]:
        """Return those that a service is known to have missed."""
        query = "EXISTS (SELECT 1 FROM missed WHERE service = ?2 AND image_id = ?1)"
        return self._those(ids, query, service)

    def note_absent(self, service: str, ids: Sequence[ImageId], reason: str) -> None:
        """Note that a service has nothing of images, of those that are `absent`."""
        with self._database.transaction() as connection:
            self._note(connection, service, self.absent(ids), reason)

    def note_left_over(self, service: str, ids: Sequence[ImageId], reason: str) -> None:
        """Note that a service still has images, of those that are `left_over`."""
        with self._database.transaction() as connection:
            self._note(connection, service, self.left_over(ids), reason)

    def settle(
        self, service: str, ids: Sequence[ImageId], *, begun: Sequence[ImageId]
    ) -> None:
        """Strike out what was made up for, and all that was begun for it."""
        if begun:
            with self._database.transaction() as connection:
                connection.executemany(_CLEAR, [(service, i) for i in ids])
                journal.end(connection, begun)

    def stick(self, service: str, image: ImageRecord, reason: str) -> None:
        """Say that an image, as it is, can't be made up for, and why."""
        path = None if image.path is None else os.fsencode(image.path)
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE missed SET stuck = 1, reason = ? "
                "WHERE service = ? AND image_id = ? AND EXISTS (SELECT 1 FROM images i "
                "WHERE i.image_id = missed.image_id AND i.sha256 = ? "
                "AND i.path IS ? AND i.original IS ?)",
                (
                    *(reason, service, image.image_id),
                    *(image.sha256, path, image.original),
                ),
            )

    def retry(self, service: str) -> None:
        """Let be tried again what was stuck, where there is a file to try."""
        where = (
            "service = ? AND stuck = 1 AND image_id IN (SELECT image_id FROM images "
            "WHERE path IS NOT NULL OR original IS NOT NULL)"
        )
        query = f"SELECT 1 FROM missed WHERE {where} LIMIT 1"  # noqa: S608 -- as above
        if self._database.rows(query, (service,)):  # no write where there is none
            with self._database.transaction() as connection:
                connection.execute(
                    f"UPDATE missed SET stuck = 0 WHERE {where}",  # noqa: S608
                    (service,),
                )

    def _note(
        self,
        connection: sqlite3.Connection,
        service: str,
        ids: Sequence[ImageId],
        reason: str,
    ) -> None:
        """Note what a comparison found; what is noted already stays as it is."""
        rows = [(service, image_id, reason, _now()) for image_id in ids]
        connection.executemany(_NOTE_NEW, rows)

    def _those(
        self, ids: Sequence[ImageId], condition: str, *more: object
    ) -> list[ImageId]:
        query = f"SELECT 1 WHERE {condition}"
        return [
            image_id
            for image_id in ids
            if self._database.rows(query, (image_id, *more))
        ]


def note(connection: sqlite3.Connection, ids: Sequence[ImageId], reach: Reach) -> None:
    """Note who missed a change and who has not, in the transaction that makes it."""
    connection.executemany(
        _CLEAR, [(service, i) for service in reach.reached for i in ids]
    )
    since = _now()
    connection.executemany(
        _NOTE,
        [
            (name, i, reason, since)
            for name, reason in reach.missed.items()
            for i in ids
        ],
    )


def claim(connection: sqlite3.Connection, image_id: ImageId, service: str) -> None:
    """Take an id for what a caller puts to one service alone."""
    if not connection.execute(f"SELECT {_IS_KNOWN}", (image_id,)).fetchone()[0]:
        connection.execute(_CLEAR, (service, image_id))
        connection.execute("UPDATE trash SET alone = 1 WHERE image_id = ?", (image_id,))
        connection.execute(
            "INSERT INTO claims VALUES (?, ?) ON CONFLICT DO NOTHING",
            (service, image_id),
        )


def retry(connection: sqlite3.Connection, image_id: ImageId) -> None:
    """Let an image be tried again whose file was seen."""
    connection.execute("UPDATE missed SET stuck = 0 WHERE image_id = ?", (image_id,))


def _now() -> str:
    return datetime.now(UTC).isoformat()
