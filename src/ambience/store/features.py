"""One service's features on disk: a transaction a change, numbered in order."""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeAlias, TypeVar

import lmdb
import numpy as np
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

_MAP_BYTES = 2**26  # a start; it doubles whenever it is full
_MAX_READERS = 512  # threads that read at once, over all processes
_BATCH = 4096  # changes read in one transaction while an index catches up

_SPEC, _STORE_ID, _LAST_SEQ, _COUNT = b"spec", b"store_id", b"last_seq", b"count"

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

    Raises:
        SpecMismatchError: If the store holds features of another specification.
        CorruptDataError: If the file can't be read.
    """

    def __init__(
        self, path: Path, spec: FeatureSpec, *, map_bytes: int = _MAP_BYTES
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.spec = spec
        self._lock = ReadWriteLock()  # a map must not be resized under a reader
        try:
            self._env = lmdb.open(
                str(path),
                subdir=False,
                map_size=max(map_bytes, path.stat().st_size if path.exists() else 0),
                max_dbs=4,
                max_readers=_MAX_READERS,
            )
            self._meta = self._env.open_db(b"meta")
            self._features = self._env.open_db(b"features")
            self._log = self._env.open_db(b"changes")
        except lmdb.Error as error:
            raise CorruptDataError(
                f"the feature store {path.name} of {path.parent.name} can't be opened "
                f"({error}): run `ambience rebuild {path.parent.name}`"
            ) from error
        try:
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
            return layout.number(txn.get(_COUNT, db=self._meta))

    def __contains__(self, image_id: object) -> bool:
        if not isinstance(image_id, int):
            return False
        with self._reading() as txn:
            value = txn.get(layout.key(image_id), db=self._features)
        return value is not None and bool(layout.rows_part(value))

    def last_seq(self) -> int:
        """Return the sequence number of the newest change, 0 for a new store."""
        with self._reading() as txn:
            return layout.number(txn.get(_LAST_SEQ, db=self._meta))

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
        feature = None if value is None else layout.unpack(value, spec=self.spec)
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
        size = self.spec.row_bytes
        owners: list[int] = []
        parts: list[bytes] = []
        with self._reading() as txn, txn.cursor(db=self._features) as cursor:
            for found, value in cursor.getmulti([layout.key(int(i)) for i in ids]):
                part = layout.rows_part(value)
                owners.extend([layout.number(found)] * (len(part) // size))
                parts.append(part)
        return np.array(owners, dtype=np.int64), self._rows(parts)

    def ids(self) -> list[ImageId]:
        """Return the ids of all images, in order."""
        with self._reading() as txn, txn.cursor(db=self._features) as cursor:
            return [layout.image_id(k) for k, v in cursor if layout.rows_part(v)]

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
            while found and len(ids) < _BATCH:
                since = layout.number(cursor.key())
                image = cursor.value()
                value = txn.get(image, db=self._features)
                part = layout.rows_part(value)
                count = len(part) // self.spec.row_bytes
                ids.append(layout.image_id(image))
                owners.extend([ids[-1]] * count)
                qualities.extend([layout.quality(value)] * count)
                parts.append(part)
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
        seq = layout.number(txn.get(_LAST_SEQ, db=self._meta))
        count = layout.number(txn.get(_COUNT, db=self._meta))
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

    def _rows(self, parts: Sequence[bytes]) -> Rows:
        return np.frombuffer(b"".join(parts), dtype=self.spec.dtype).reshape(
            -1, self.spec.dim
        )

    def _claim(self) -> str:
        """Record our spec in a new store, refuse another's; return the store's id."""
        mine = self.spec.as_dict()

        def claim(txn: _Transaction) -> tuple[str, bytes]:
            if txn.get(_SPEC, db=self._meta) is None:
                txn.put(_SPEC, json.dumps(mine, sort_keys=True).encode(), db=self._meta)
                txn.put(_STORE_ID, uuid.uuid4().hex.encode(), db=self._meta)
                txn.put(_LAST_SEQ, layout.key(0), db=self._meta)
                txn.put(_COUNT, layout.key(0), db=self._meta)
            store_id = txn.get(_STORE_ID, db=self._meta).decode()
            return store_id, txn.get(_SPEC, db=self._meta)

        store_id, recorded = self._write(claim)
        theirs = json.loads(recorded)
        if theirs != mine:
            name = self.path.parent.name
            changed = sorted(k for k in mine if theirs.get(k) != mine[k])
            raise SpecMismatchError(
                f"the stored features of {name} differ from what its extractor makes ("
                + ", ".join(f"{k} {theirs.get(k)!r}, now {mine[k]!r}" for k in changed)
                + f"): run `ambience rebuild {name}` to extract them anew"
            )
        return store_id

    @contextmanager
    def _reading(self) -> Iterator[_Transaction]:
        while True:
            try:
                with self._lock.read(), self._env.begin() as txn:
                    yield txn
                    return
            except lmdb.MapResizedError:  # raised by begin: another process grew it
                self._resize(0)

    def _write(self, act: Callable[[_Transaction], T]) -> T:
        while True:
            try:
                with self._lock.read(), self._env.begin(write=True) as txn:
                    return act(txn)
            except lmdb.MapFullError:
                self._resize(2 * self._env.info()["map_size"])
            except lmdb.MapResizedError:
                self._resize(0)
            except lmdb.Error as error:
                raise StoredDataError(
                    f"the feature store of {self.path.parent.name} can't be written "
                    f"({error}): see whether the disk is full or read-only"
                ) from error

    def _resize(self, map_bytes: int) -> None:
        with self._lock.write():
            self._env.set_mapsize(map_bytes)
