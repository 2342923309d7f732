"""One service's features on disk: a transaction a change, numbered in order."""

import json
import struct
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Self, TypeAlias, TypeVar

import lmdb
import numpy as np
from lmdb import verify
from numpy.typing import NDArray

from ambience.core.errors import (
    CorruptDataError,
    NotFoundError,
    SpecMismatchError,
    StoredDataError,
)
from ambience.core.features import Feature, FeatureSpec, ImageId, Rows
from ambience.core.rwlock import ReadWriteLock
from ambience.store import layout
from ambience.store.environment import open_environment

_MAP_BYTES = 2**26  # a start; it doubles whenever it is full
_CHECKED_BYTES = 2**25  # the most that is checked at every start: takes 0.9 s
_BATCH = 4096  # changes read in one transaction while an index catches up
_BATCH_BYTES = 2**22  # or fewer, where features are large

_SPEC, _STORE_ID, _LAST_SEQ, _COUNT = b"spec", b"store_id", b"last_seq", b"count"

# What LMDB and we stumble over where the bytes make no sense.
_DAMAGE = (
    lmdb.BadTxnError,
    lmdb.BadValsizeError,
    lmdb.CorruptedError,
    lmdb.CursorFullError,
    lmdb.IncompatibleError,
    lmdb.InvalidError,
    lmdb.PageFullError,
    lmdb.PageNotFoundError,
    lmdb.PanicError,
    lmdb.VersionMismatchError,
    struct.error,
)

T = TypeVar("T")
_Transaction: TypeAlias = Any  # its stubs admit memory views, which we never ask for


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """Some changes in order, each image's latest only.

    Attributes:
        seq: The sequence number of the last of them.
        ids: Every image changed, put or removed.
        row_ids: Shape ``(n,)``, ``int64``: whose row each of ``rows`` is.
        rows: Shape ``(n, dim)``: the rows of the images that were put.
        qualities: Shape ``(n,)``, ``float32``: the quality of each row's feature.
    """

    seq: int
    ids: Sequence[ImageId]
    row_ids: NDArray[np.int64]
    rows: Rows
    qualities: NDArray[np.float32]


class FeatureStore:
    """A durable mapping from image id to feature, in a file other processes may share.

    Every change has a sequence number, written in the same transaction, so that an
    index can ask for what it missed. Only the latest change of an image is kept; that
    of a removed image stays as a mark, for indexes in other processes to hear of it.

    Args:
        path: The LMDB file.
        spec: What its features are; a new store records it.
        map_bytes: How large the memory map starts; it grows by itself.
        readonly: Whether nothing may be written; see `open_environment`.

    Raises:
        SpecMismatchError: If the store holds features of another specification.
        CorruptDataError: If the file is damaged.
        StoredDataError: If it can't be written to; with ``readonly``: is not there.
    """

    def __init__(
        self,
        path: Path,
        spec: FeatureSpec,
        *,
        map_bytes: int = _MAP_BYTES,
        readonly: bool = False,
    ) -> None:
        self.path = path
        self.spec = spec
        self.readonly = readonly
        self._lock = ReadWriteLock()  # a map must not be resized under a reader
        try:
            self._env = open_environment(path, map_bytes=map_bytes, readonly=readonly)
        except _DAMAGE as error:
            raise self._damaged(error) from error
        except (lmdb.Error, OSError) as error:
            raise self._refused(error) from error
        try:
            self._check()
            self._env.reader_check()  # those of dead processes keep old pages alive
            self._meta, self._features, self._log = self._tables()
            self.store_id = self._claim()
        except BaseException:
            self._env.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the file."""
        with self._lock.write():
            self._env.close()

    def __len__(self) -> int:
        with self._reading() as txn:
            return self._counter(txn, _COUNT)

    def __contains__(self, image_id: object) -> bool:
        if not isinstance(image_id, int):
            return False
        with self._reading() as txn:
            value = txn.get(layout.key(image_id), db=self._features)
        return value is not None and bool(layout.rows_part(value))

    def last_seq(self) -> int:
        """Return the sequence number of the newest change, 0 for a new store."""
        with self._reading() as txn:
            return self._counter(txn, _LAST_SEQ)

    def put(self, features: Mapping[ImageId, Feature]) -> None:
        """Add or replace features in one transaction: all of them, or none."""
        self._write(lambda txn: self._apply(txn, features))

    def remove(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Remove features in one transaction; return the ids that were there."""
        return self._write(
            lambda txn: self._apply(txn, dict.fromkeys(ids))  # None: removed
        )

    def get(self, image_id: ImageId) -> Feature:
        """Return one feature.

        Raises:
            NotFoundError: If nothing is stored under ``image_id``.
        """
        with self._reading() as txn:
            value = txn.get(layout.key(image_id), db=self._features)
        try:
            feature = None if value is None else layout.unpack(value, spec=self.spec)
        except (ValueError, struct.error) as error:
            raise self._damaged(error) from error
        if feature is None:
            raise NotFoundError(f"image {image_id} has no feature here")
        return feature

    def rows_of(
        self, ids: Sequence[ImageId] | NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], Rows]:
        """Return the rows of many images, for a re-rank.

        Args:
            ids: Image ids; those that are not here are left out.

        Returns:
            Whose row each is, shape ``(n,)``, and the rows, shape ``(n, dim)``.
        """
        wanted = np.asarray(ids, dtype=np.int64)
        key, rows_part, features = layout.key, layout.rows_part, self._features
        # Views of the map, joined before it may change: half the time of copies.
        with self._reading(buffers=True) as txn:
            values = [txn.get(key(i), b"", features) for i in wanted.tolist()]
            parts = [rows_part(value) for value in values]
            rows = self._rows(parts)
        counts = np.array([len(part) for part in parts]) // self.spec.row_bytes
        return np.repeat(wanted, counts.astype(np.intp)), rows

    def ids(
        self, *, after: ImageId | None = None, limit: int | None = None
    ) -> list[ImageId]:
        """Return the ids of images, in order: those above one, so many at most."""
        first = layout.key(0 if after is None else after + 1)
        # Views of the map: the features themselves are not read.
        with (
            self._reading(buffers=True) as txn,
            txn.cursor(db=self._features) as cursor,
        ):
            if not cursor.set_range(first):
                return []
            here = (layout.image_id(k) for k, v in cursor if layout.rows_part(v))
            return list(islice(here, limit))

    def changes(self, since: int) -> Iterator[Changes]:
        """Iterate over what changed after a sequence number, oldest first."""
        while True:
            batch = self._changes(since)
            if not batch.ids:
                return
            yield batch
            since = batch.seq

    def _changes(self, since: int) -> Changes:
        ids: list[ImageId] = []
        owners: list[int] = []
        qualities: list[float] = []
        parts: list[bytes] = []
        with self._reading() as txn, txn.cursor(db=self._log) as cursor:
            found = cursor.set_range(layout.key(since + 1))
            size = 0
            while found and len(ids) < _BATCH and size < _BATCH_BYTES:
                since = layout.number(cursor.key())
                image = cursor.value()
                value = txn.get(image, db=self._features)
                if value is None:
                    raise self._damaged(f"image {layout.number(image)} is missing")
                part = layout.rows_part(value)
                count = len(part) // self.spec.row_bytes
                ids.append(layout.image_id(image))
                owners.extend([ids[-1]] * count)
                qualities.extend([layout.quality(value)] * count)
                parts.append(part)
                size += len(part)
                found = cursor.next()
        return Changes(
            since,
            ids,
            np.array(owners, dtype=np.int64),
            self._rows(parts),
            np.array(qualities, dtype=np.float32),
        )

    def _apply(
        self, txn: _Transaction, changed: Mapping[ImageId, Feature | None]
    ) -> list[ImageId]:
        """Write changes; return the images that had a feature before."""
        seq, count = self._counter(txn, _LAST_SEQ), self._counter(txn, _COUNT)
        known: list[ImageId] = []
        for image_id, feature in changed.items():
            image = layout.key(image_id)
            old = txn.get(image, db=self._features)
            was_there = old is not None and bool(layout.rows_part(old))
            if was_there:
                known.append(image_id)
            elif feature is None:
                continue
            if old is not None:
                txn.delete(layout.key(layout.seq(old)), db=self._log)
            seq += 1
            value = layout.pack(feature, seq=seq, spec=self.spec)
            txn.put(image, value, db=self._features)
            txn.put(layout.key(seq), image, db=self._log, append=True)
            count += (feature is not None) - was_there
        txn.put(_LAST_SEQ, layout.key(seq), db=self._meta)
        txn.put(_COUNT, layout.key(count), db=self._meta)
        return known

    def _counter(self, txn: _Transaction, name: bytes) -> int:
        return layout.number(self._recorded(txn, name))

    def _recorded(self, txn: _Transaction, name: bytes) -> bytes:
        value: bytes | None = txn.get(name, db=self._meta)
        if value is None:
            raise self._damaged(f"it has no {name.decode()}")
        return value

    def _rows(self, parts: Sequence[bytes]) -> Rows:
        if any(len(part) % self.spec.row_bytes for part in parts):
            raise self._damaged("a feature has a wrong length")
        return np.frombuffer(b"".join(parts), dtype=self.spec.dtype).reshape(
            -1, self.spec.dim
        )

    def _tables(self) -> list[Any]:
        """Open the tables, and make them in a new store."""
        names = (b"meta", b"features", b"changes")
        if not self.readonly:
            return self._write(
                lambda txn: [self._env.open_db(name, txn) for name in names]
            )
        try:
            return [self._env.open_db(name, create=False) for name in names]
        except (lmdb.NotFoundError, *_DAMAGE) as error:
            raise self._damaged(error) from error

    def _claim(self) -> str:
        """Record our spec in a new store, refuse another's; return the store's id."""
        mine = self.spec.as_dict()

        def claim(txn: _Transaction) -> tuple[bytes, bytes]:
            if not (self.readonly or txn.stat(self._meta)["entries"]):
                txn.put(_SPEC, json.dumps(mine, sort_keys=True).encode(), db=self._meta)
                txn.put(_STORE_ID, uuid.uuid4().hex.encode(), db=self._meta)
                txn.put(_LAST_SEQ, layout.key(0), db=self._meta)
                txn.put(_COUNT, layout.key(0), db=self._meta)
            return self._recorded(txn, _STORE_ID), self._recorded(txn, _SPEC)

        if self.readonly:
            with self._reading() as txn:
                store_id, recorded = claim(txn)
        else:
            store_id, recorded = self._write(claim)
        try:
            theirs = dict(json.loads(recorded))
            claimed = store_id.decode("ascii")
        except (TypeError, ValueError) as error:
            raise self._damaged(error) from error
        if theirs != mine:
            name = self.path.parent.name
            changed = sorted(k for k in mine if theirs.get(k) != mine[k])
            raise SpecMismatchError(
                f"the stored features of {name} differ from what its extractor makes ("
                + ", ".join(f"{k} {theirs.get(k)!r}, now {mine[k]!r}" for k in changed)
                + f"): run `ambience rebuild {name}` to extract them anew"
            )
        return claimed

    @contextmanager
    def _reading(self, *, buffers: bool = False) -> Iterator[_Transaction]:
        while True:
            try:
                with self._lock.read(), self._env.begin(buffers=buffers) as txn:
                    yield txn
                    return
            except lmdb.MapResizedError:  # raised by begin: another process grew it
                self._resize(0)
            except _DAMAGE as error:
                raise self._damaged(error) from error

    def _write(self, act: Callable[[_Transaction], T]) -> T:
        if self.readonly:
            raise StoredDataError(
                f"the data folder is read-only: {self.path.parent.name} takes no change"
            )
        while True:
            try:
                with self._lock.read(), self._env.begin(write=True) as txn:
                    return act(txn)
            except lmdb.MapFullError:
                self._resize(2 * self._env.info()["map_size"])
            except lmdb.MapResizedError:
                self._resize(0)
            except _DAMAGE as error:
                raise self._damaged(error) from error
            except lmdb.Error as error:
                raise self._refused(error) from error

    def _check(self) -> None:
        """Refuse a damaged file before LMDB follows it out of memory.

        LMDB trusts its file: one that was cut off or has wrong lengths in it ends the
        whole process.
        """
        pages = self._env.info()["last_pgno"] + 1
        length = self.path.stat().st_size
        is_cut = length < pages * self._env.stat()["psize"]
        if is_cut or length <= _CHECKED_BYTES:
            walk: Any = verify.verify  # untyped
            try:
                if self.readonly:
                    with self._reading():  # so that what it walks through stays
                        problems = walk(str(self.path), subdir=False)
                else:
                    problems = self._write(lambda _: walk(str(self.path), subdir=False))
            except verify.VerifyError as error:
                raise self._damaged(error) from error
            if problems:  # none where only free pages were cut off
                raise self._damaged(problems[0])

    def _damaged(self, reason: object) -> CorruptDataError:
        name = self.path.parent.name
        return CorruptDataError(
            f"the feature store of {name} is damaged ({reason}): stop ambience and run "
            f"`ambience rebuild {name}`"
        )

    def _refused(self, reason: object) -> StoredDataError:
        return StoredDataError(
            f"the feature store of {self.path.parent.name} can't be written ({reason}):"
            " see whether the disk is full or read-only"
        )

    def _resize(self, map_bytes: int) -> None:
        with self._lock.write():
            self._env.set_mapsize(map_bytes)
