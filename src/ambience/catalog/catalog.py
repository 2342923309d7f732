"""The table of images: one row each, found by id, path, content or date."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from ambience.catalog import ids as ids_
from ambience.catalog import journal, missed
from ambience.catalog.database import Database
from ambience.catalog.missed import Reach
from ambience.catalog.records import COLUMNS, ImageRecord, KnownFile, record, values
from ambience.core.errors import BusyError, NotFoundError
from ambience.core.features import ImageId

_ALL = f"SELECT {COLUMNS} FROM images"  # noqa: S608 -- a constant of our own
_PUT = (
    f"INSERT INTO images ({COLUMNS}) "  # noqa: S608 -- as above
    f"VALUES ({', '.join('?' for _ in COLUMNS.split(', '))}) "
    "ON CONFLICT (image_id) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in COLUMNS.split(", ")[1:])
)

_NOBODY = Reach()


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the list of images by date: after this image."""

    shown_at: datetime
    image_id: ImageId


class Catalog:
    """Reads and writes image records; each call is one transaction.

    Args:
        database: Where they are kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def __len__(self) -> int:
        query = "SELECT count(*) FROM images"
        return int(self._database.rows(query)[0][0])

    def get(self, image_id: ImageId) -> ImageRecord:
        """Return one image.

        Raises:
            NotFoundError: If there is no such image.
        """
        found = self.find([image_id])
        if not found:
            raise NotFoundError(f"there is no image {image_id}")
        return found[0]

    def find(self, ids: Iterable[ImageId]) -> list[ImageRecord]:
        """Return those of these images that are known."""
        query = f"{_ALL} WHERE image_id = ?"
        return [
            record(row)
            for image_id in ids
            for row in self._database.rows(query, (image_id,))
        ]

    def with_sha256(self, sha256: bytes) -> list[ImageRecord]:
        """Return the images whose file has this content, by id."""
        query = f"{_ALL} WHERE sha256 = ? ORDER BY image_id"
        rows = self._database.rows(query, (sha256,))
        return [record(row) for row in rows]

    def with_name(self, name: str) -> list[ImageId]:
        """Return the images whose file has this name, in any folder, by id."""
        if os.sep in name:
            return []
        end = os.sep.encode() + os.fsencode(name)
        rows = self._database.rows(
            "SELECT image_id FROM images WHERE substr(path, ?) = ? ORDER BY image_id",
            (-len(end), end),
        )
        return [ImageId(image_id) for (image_id,) in rows]

    def with_equal_content(self) -> list[list[ImageId]]:
        """Return the groups of images whose files are equal, byte for byte."""
        rows = self._database.rows(
            "SELECT sha256, image_id FROM images WHERE sha256 IN "
            "(SELECT sha256 FROM images GROUP BY sha256 HAVING count(*) > 1) "
            "ORDER BY sha256, image_id"
        )
        groups = groupby(rows, key=itemgetter("sha256"))
        return [[ImageId(row["image_id"]) for row in group] for _, group in groups]

    def newest(self, *, limit: int, after: Position | None = None) -> list[ImageRecord]:
        """Return images by `ImageRecord.shown_at`, newest first, ties by id."""
        where, bounds = "", list[object]()
        if after is not None:
            where = " WHERE (shown_at, image_id) < (?, ?)"
            bounds = [after.shown_at.isoformat(), after.image_id]
        query = f"{_ALL}{where} ORDER BY shown_at DESC, image_id DESC LIMIT ?"
        rows = self._database.rows(query, (*bounds, limit))
        return [record(row) for row in rows]

    def ids(
        self, *, after: ImageId | None = None, limit: int | None = None
    ) -> list[ImageId]:
        """Return the ids of images, in order: those above one, so many at most."""
        query = "SELECT image_id FROM images WHERE image_id > ? ORDER BY 1 LIMIT ?"
        bounds = (-1 if after is None else after, -1 if limit is None else limit)
        return [ImageId(image_id) for (image_id,) in self._database.rows(query, bounds)]

    def files_in(self, folder: Path) -> dict[Path, KnownFile]:
        """Return the user's files known at or below a folder, by path."""
        start = os.fsencode(folder)
        below = start.rstrip(os.sep.encode()) + os.sep.encode()
        rows = self._database.rows(
            "SELECT path, image_id, byte_count, modified_ns, missing FROM images "
            "WHERE path = ? OR (path >= ? AND path < ?)",
            (start, below, below[:-1] + bytes([below[-1] + 1])),
        )
        return {
            Path(os.fsdecode(path)): KnownFile(
                ImageId(i), size, modified, bool(missing)
            )
            for path, i, size, modified, missing in rows
        }

    def was_deleted(self, path: Path, sha256: bytes) -> bool:
        """Whether the user removed this very file from ambience before."""
        query = "SELECT 1 FROM trash WHERE path = ? AND sha256 = ?"
        return bool(self._database.rows(query, (os.fsencode(path), sha256)))

    def reserve_ids(self, count: int) -> list[ImageId]:
        """Return ids that no image has, had, or ever gets otherwise."""
        with self._database.transaction() as connection:
            return ids_.reserve(connection, count)

    def claim_id(self, image_id: ImageId, *, service: str) -> None:
        """See to it that an id that a caller puts to one service alone stays theirs.

        It is not given out later, and what the service has under it is no longer what
        a deleted image left there.

        Raises:
            BusyError: If another process is just removing such a left-over.
        """
        with self._database.transaction() as connection:
            ids_.claim(connection, [image_id])
            if journal.is_repaired(connection, image_id):
                raise BusyError(
                    f"another process is repairing image {image_id}: try again in a "
                    "moment"
                )
            missed.claim(connection, image_id, service)

    def pass_ids(self, ids: Sequence[ImageId]) -> None:
        """See to it that ids are not given out which others know already.

        A catalog that is gone, or was put back to an earlier state, would give out
        again what services and originals have under images that it does not know.

        Args:
            ids: The highest that each of them knows, below `ids.GIVEN_OUT_BELOW`.
        """
        query = "SELECT value FROM counters WHERE name = 'next_image_id'"
        if max(ids, default=0) >= self._database.rows(query)[0][0]:
            with self._database.transaction() as connection:
                ids_.claim(connection, ids)

    def is_changing(self, image_id: ImageId) -> bool:
        """Whether a change of an image is under way, or was cut short."""
        query = "SELECT 1 FROM journal WHERE image_id = ?"
        return bool(self._database.rows(query, (image_id,)))

    def is_in_trash(self, image_id: ImageId) -> bool:
        """Whether an image of this id was deleted."""
        query = "SELECT 1 FROM trash WHERE image_id = ?"
        return bool(self._database.rows(query, (image_id,)))

    def put(self, images: Sequence[ImageRecord], reach: Reach = _NOBODY) -> None:
        """Add or replace images, and strike out their journal entries.

        Args:
            images: As they are now.
            reach: Which services know already, and which have missed it.
        """
        with self._database.transaction() as connection:
            connection.executemany(_PUT, [values(image) for image in images])
            # A file added again is no longer deleted.
            connection.executemany(
                "DELETE FROM trash WHERE path = ? AND trashed IS NULL",
                [(os.fsencode(i.path),) for i in images if i.path is not None],
            )
            # What was put to one service alone is now everybody's.
            connection.executemany(
                "DELETE FROM claims WHERE image_id = ?",
                [(image.image_id,) for image in images],
            )
            missed.note(connection, [image.image_id for image in images], reach)
            journal.end(connection, [image.image_id for image in images])

    def delete(
        self, image: ImageRecord, *, trashed: str | None, reach: Reach = _NOBODY
    ) -> None:
        """Move an image to the trash, and strike out its journal entry.

        Args:
            image: Which.
            trashed: Where our own copy of it went, relative to ``trash/``.
            reach: Which services know already, and which have missed it.
        """
        path = None if image.path is None else os.fsencode(image.path)
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT INTO trash (image_id, path, trashed, sha256, deleted_at) "
                "VALUES (?, ?, ?, ?, ?)",
                (image.image_id, path, trashed, image.sha256, _now()),
            )
            connection.execute(
                "DELETE FROM images WHERE image_id = ?", (image.image_id,)
            )
            missed.note(connection, [image.image_id], reach)
            journal.end(connection, [image.image_id])

    def forget(self, ids: Sequence[ImageId], reach: Reach) -> None:
        """Strike out journal entries of what no record knows, or is to know.

        Args:
            ids: Of the images.
            reach: Which services have forgotten them already, and which have not.
        """
        with self._database.transaction() as connection:
            missed.note(connection, ids, reach)
            journal.end(connection, ids)

    def mark_missing(self, ids: Sequence[ImageId], *, missing: bool) -> None:
        """Say that the user's files of images are gone, or there again."""
        with self._database.transaction() as connection:
            connection.executemany(
                "UPDATE images SET missing = ? WHERE image_id = ?",
                [(int(missing), image_id) for image_id in ids],
            )

    def mark_file(self, image: ImageRecord, *, missing: bool) -> None:
        """Say that the user's file of an image is gone, or there again.

        Nothing is said where the image has another file by now.
        """
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE images SET missing = ? WHERE image_id = ? AND path = ?",
                (int(missing), image.image_id, os.fsencode(image.path or "")),
            )

    def move(self, image_id: ImageId, path: Path, *, modified_ns: int) -> None:
        """Say that an image's file is now at another path."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE images SET path = ?, modified_ns = ?, missing = 0 "
                "WHERE image_id = ?",
                (os.fsencode(path), modified_ns, image_id),
            )
            missed.retry(connection, image_id)

    def touch(self, image_id: ImageId, *, modified_ns: int) -> None:
        """Say that an image's file has a new date and the same content."""
        with self._database.transaction() as connection:
            connection.execute(
                "UPDATE images SET modified_ns = ?, missing = 0 WHERE image_id = ?",
                (modified_ns, image_id),
            )
            missed.retry(connection, image_id)


def _now() -> str:
    return datetime.now(UTC).isoformat()
