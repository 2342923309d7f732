"""The table of images, one row each, found by id, path, content or date."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from sqlalchemy import bindparam, delete, func, or_, select, tuple_, union, update

from ambience.catalog import ids as ids_
from ambience.catalog import journal, missed
from ambience.catalog.bulk_statements import IDS, parts, upsert
from ambience.catalog.database import Database
from ambience.catalog.journal import Begun
from ambience.catalog.missed import Reach
from ambience.catalog.records import ImageRecord, KnownFile, record, values
from ambience.catalog.schema import claims, images, trash
from ambience.catalog.schema import missed as missed_table
from ambience.core.errors import BusyError, NotFoundError
from ambience.core.features import ImageId

_BY_ID = select(images).where(images.c.image_id.in_(IDS))
_BY_SHA256 = select(images).where(images.c.sha256.in_(IDS)).order_by(images.c.image_id)
_NEWEST = (
    select(images)
    .order_by(images.c.shown_at.desc(), images.c.image_id.desc())
    .limit(bindparam("limit"))
)
_NEWEST_AFTER = _NEWEST.where(
    tuple_(images.c.shown_at, images.c.image_id)
    < tuple_(bindparam("shown_at"), bindparam("image_id"))
)
_IDS_AFTER = (
    select(images.c.image_id)
    .where(images.c.image_id > bindparam("after"))
    .order_by(images.c.image_id)
)
_CHANGEABLE = tuple(c.name for c in images.columns if not c.primary_key)
# A file that is added again is no longer deleted.
_UNDELETE = delete(trash).where(trash.c.path.in_(IDS), trash.c.trashed.is_(None))
_DELETED = select(trash.c.path, trash.c.sha256).where(trash.c.path.in_(IDS))
# An image that was added to one service alone now belongs to all.
_NO_LONGER_LONE = delete(claims).where(claims.c.image_id.in_(IDS))
_WITH_FEATURES = union(
    select(images.c.image_id).where(images.c.image_id.in_(IDS)),
    select(claims.c.image_id).where(claims.c.image_id.in_(IDS)),
    select(missed_table.c.image_id).where(missed_table.c.image_id.in_(IDS)),
)
_COUNT = select(func.count()).select_from(images)

_NOBODY = Reach()


@dataclass(frozen=True, slots=True)
class Position:
    """A position in the list of images by date: after this image."""

    shown_at: datetime
    image_id: ImageId


class Catalog:
    """Reads and writes image records; each call is one transaction.

    Args:
        database: The catalog's database.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def __len__(self) -> int:
        return int(self._database.rows(_COUNT)[0][0])

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
        """Return those of these images that are known, in the given order."""
        wanted = list(ids)
        known = {
            row[0]: record(row)
            for part in parts(wanted)
            for row in self._database.rows(_BY_ID, {"ids": part})
        }
        return [known[image_id] for image_id in wanted if image_id in known]

    def with_sha256(self, sha256: bytes) -> list[ImageRecord]:
        """Return the images whose file has this content, by id."""
        return self.with_contents([sha256]).get(sha256, [])

    def with_contents(
        self, contents: Iterable[bytes]
    ) -> dict[bytes, list[ImageRecord]]:
        """Return the images with any of these contents, by SHA-256 and then by id.

        Contents that no image has are left out.
        """
        found: dict[bytes, list[ImageRecord]] = {}
        for part in parts(list(dict.fromkeys(contents))):
            for row in self._database.rows(_BY_SHA256, {"ids": part}):
                image = record(row)
                found.setdefault(image.sha256, []).append(image)
        return found

    def with_name(self, name: str) -> list[ImageId]:
        """Return the images whose file has this name, in any folder, by id."""
        if os.sep in name:
            return []
        end = os.sep.encode() + os.fsencode(name)
        start = func.length(images.c.path) - len(end) + 1
        query = select(images.c.image_id).where(
            func.substr(images.c.path, start) == end
        )
        rows = self._database.rows(query.order_by(images.c.image_id))
        return [ImageId(image_id) for (image_id,) in rows]

    def with_equal_content(self) -> list[list[ImageId]]:
        """Return the groups of images whose files are equal, byte for byte."""
        sha256 = images.c.sha256
        several = select(sha256).group_by(sha256).having(func.count() > 1)
        query = select(sha256, images.c.image_id).where(sha256.in_(several))
        rows = self._database.rows(query.order_by(sha256, images.c.image_id))
        groups = groupby(rows, key=lambda row: row.sha256)
        return [[ImageId(row.image_id) for row in group] for _, group in groups]

    def newest(self, *, limit: int, after: Position | None = None) -> list[ImageRecord]:
        """Return images by `ImageRecord.shown_at`, newest first, ties by id."""
        query, bounds = _NEWEST, dict[str, object](limit=limit)
        if after is not None:
            query = _NEWEST_AFTER
            bounds["shown_at"] = after.shown_at.isoformat()
            bounds["image_id"] = after.image_id
        return [record(row) for row in self._database.rows(query, bounds)]

    def ids(
        self, *, after: ImageId | None = None, limit: int | None = None
    ) -> list[ImageId]:
        """Return the ids of images above ``after``, in order, at most ``limit``."""
        rows = self._database.rows(
            _IDS_AFTER.limit(limit), {"after": -1 if after is None else after}
        )
        return [ImageId(image_id) for (image_id,) in rows]

    def files_in(self, folder: Path) -> dict[Path, KnownFile]:
        """Return the user's known files at or below a folder, by path."""
        start = os.fsencode(folder)
        below = start.rstrip(os.sep.encode()) + os.sep.encode()
        path = images.c.path
        within = (path >= below) & (path < below[:-1] + bytes([below[-1] + 1]))
        rows = self._database.rows(
            select(
                *(path, images.c.image_id, images.c.byte_count),
                *(images.c.modified_ns, images.c.missing),
            ).where(or_(path == start, within))
        )
        return {
            Path(os.fsdecode(path)): KnownFile(
                ImageId(i), size, modified, bool(missing)
            )
            for path, i, size, modified, missing in rows
        }

    def deleted_among(self, files: Mapping[Path, bytes]) -> set[Path]:
        """Return those of these files that the user had removed from ambience.

        Args:
            files: The SHA-256 of each file, by path.
        """
        return {
            path
            for part in parts([os.fsencode(path) for path in files])
            for name, sha256 in self._database.rows(_DELETED, {"ids": part})
            if files[path := Path(os.fsdecode(name))] == sha256
        }

    def reserve_ids(self, count: int) -> list[ImageId]:
        """Return ids that no image has, had, or will get in any other way."""
        with self._database.transaction() as connection:
            return ids_.reserve(connection, count)

    def note_lone_image(self, image_id: ImageId, *, service: str) -> None:
        """Note that a caller uses an id at one service alone.

        It will not be assigned to another image, and what the service has under it no
        longer counts as left over from a deleted image.

        Raises:
            BusyError: If another process is just removing such a left-over.
        """
        with self._database.transaction() as connection:
            ids_.pass_over(connection, [image_id])
            if journal.is_repaired(connection, image_id):
                raise BusyError(
                    f"another process is repairing image {image_id}: try again in a "
                    "moment"
                )
            missed.note_lone_image(connection, image_id, service)

    def pass_over_ids(self, ids: Sequence[ImageId]) -> None:
        """Make sure that ids which others already know are not assigned again.

        A catalog that was lost or replaced by an older copy would otherwise assign ids
        that services and originals use for images it does not know.

        Args:
            ids: The highest id that each of them knows, below `ids.GIVEN_OUT_BELOW`.
        """
        if max(ids, default=0) >= self._database.rows(ids_.NEXT)[0][0]:
            with self._database.transaction() as connection:
                ids_.pass_over(connection, ids)

    def is_changing(self, image_id: ImageId) -> bool:
        """Whether a change of an image is under way, or was interrupted."""
        return bool(self.changing([image_id]))

    def changing(self, ids: Sequence[ImageId]) -> set[ImageId]:
        """Return those of these images whose change is under way or was interrupted."""
        return set(self._database.read(lambda reader: journal.changing(reader, ids)))

    def with_features(self, ids: Sequence[ImageId]) -> set[ImageId]:
        """Return those of these images that services may have features of."""
        return {
            ImageId(image_id)
            for part in parts(ids)
            for (image_id,) in self._database.rows(_WITH_FEATURES, {"ids": part})
        }

    def is_in_trash(self, image_id: ImageId) -> bool:
        """Whether an image with this id was deleted."""
        query = select(trash.c.image_id).where(trash.c.image_id == image_id)
        return bool(self._database.rows(query.limit(1)))

    def put(
        self,
        records: Sequence[ImageRecord],
        reach: Reach = _NOBODY,
        begun: Begun | None = None,
    ) -> None:
        """Add or replace images, and remove their changes from the journal.

        Args:
            records: The new records.
            reach: Which services know the change already, and which have missed it.
            begun: The change in the journal; ``None`` if there is none.

        Raises:
            TakenOverError: If others have taken the change over.
            BusyError: If a path now belongs to another image.
        """
        ids = [image.image_id for image in records]
        paths = [os.fsencode(i.path) for i in records if i.path is not None]
        with self._database.transaction() as connection:
            connection.execute(
                upsert(connection.dialect.name, images, _CHANGEABLE),
                [values(image) for image in records],
            )
            for part in parts(paths):
                connection.execute(_UNDELETE, {"ids": part})
            for those in parts(ids):
                connection.execute(_NO_LONGER_LONE, {"ids": those})
            missed.note(connection, ids, reach)
            journal.end(connection, begun)

    def delete(
        self,
        image: ImageRecord,
        *,
        trashed: str | None,
        reach: Reach = _NOBODY,
        begun: Begun | None = None,
    ) -> None:
        """Move an image to the trash, and remove the change from the journal.

        Args:
            image: The image.
            trashed: Where our own copy is now, relative to ``trash/``.
            reach: Which services know the change already, and which have missed it.
            begun: The change in the journal; ``None`` if there is none.

        Raises:
            TakenOverError: If others have taken the change over.
        """
        entry = {
            "image_id": image.image_id,
            "path": None if image.path is None else os.fsencode(image.path),
            "trashed": trashed,
            "sha256": image.sha256,
            "deleted_at": _now(),
        }
        with self._database.transaction() as connection:
            connection.execute(trash.insert(), entry)
            connection.execute(
                delete(images).where(images.c.image_id == image.image_id)
            )
            missed.note(connection, [image.image_id], reach)
            journal.end(connection, begun)

    def forget(
        self, ids: Sequence[ImageId], reach: Reach, begun: Begun | None = None
    ) -> None:
        """Remove the change of images that have, or are to have, no record.

        Args:
            ids: The images.
            reach: Which services have forgotten them already, and which have not.
            begun: The change in the journal; ``None`` if there is none.

        Raises:
            TakenOverError: If others have taken the change over.
        """
        with self._database.transaction() as connection:
            missed.note(connection, ids, reach)
            journal.end(connection, begun)

    def mark_missing(self, ids: Sequence[ImageId], *, missing: bool) -> None:
        """Record that the user's files of images are gone, or exist again."""
        with self._database.transaction() as connection:
            for part in parts(ids):
                connection.execute(
                    update(images)
                    .where(images.c.image_id.in_(part))
                    .values(missing=int(missing))
                )

    def mark_file(self, image: ImageRecord, *, missing: bool) -> None:
        """Record that the user's file of an image is gone, or exists again.

        Nothing is recorded if the image has another file by now.
        """
        its = (images.c.image_id == image.image_id) & (
            images.c.path == os.fsencode(image.path or "")
        )
        with self._database.transaction() as connection:
            connection.execute(update(images).where(its).values(missing=int(missing)))

    def move(self, image_id: ImageId, path: Path, *, modified_ns: int) -> None:
        """Record that an image's file is now at another path."""
        self._see(image_id, path=os.fsencode(path), modified_ns=modified_ns)

    def touch(self, image_id: ImageId, *, modified_ns: int) -> None:
        """Record that an image's file has a new date and the same content."""
        self._see(image_id, modified_ns=modified_ns)

    def _see(self, image_id: ImageId, **now: object) -> None:
        """Record that an image's file was seen, and what is new about it."""
        seen = update(images).where(images.c.image_id == image_id)
        with self._database.transaction() as connection:
            connection.execute(seen.values(missing=0, **now))
            missed.retry(connection, image_id)


def _now() -> str:
    return datetime.now(UTC).isoformat()
