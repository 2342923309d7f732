"""One service's features on disk: a transaction a change, numbered in order."""

import json
import logging
import uuid
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ambience.core.errors import SpecMismatchError
from ambience.core.features import Feature, FeatureSpec, ImageId, Rows
from ambience.engine.collection import Reading
from ambience.engine.embedded.store import layout
from ambience.engine.embedded.store.environment import Environment, Transaction
from ambience.engine.embedded.store.readings import Changes

_MAP_BYTES = 2**26  # a start; it doubles whenever it is full
_BATCH = 4096  # changes read in one transaction while an index catches up
_BATCH_BYTES = 2**22  # or fewer, where features are large

_SPEC, _STORE_ID, _LAST_SEQ, _COUNT = b"spec", b"store_id", b"last_seq", b"count"

_log = logging.getLogger(__name__)


class FeatureStore:
    """A durable mapping from image id to feature, in a file other processes may share.

    Every change has a sequence number, written in the same transaction, so that an
    index can ask for what it missed. Only the latest change of an image is kept; that
    of a removed image stays as a mark, for indexes in other processes to hear of it.

    A feature whose bytes have changed on disk counts as one that is not there, until it
    is put again; `readings` finds it.

    Args:
        path: The LMDB file.
        spec: What its features are; a new store records it.
        map_bytes: How large the memory map starts; it grows by itself.
        readonly: Whether nothing may be written; see `Environment`.

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
        self._env = Environment(path, map_bytes=map_bytes, readonly=readonly)
        try:
            self._meta, self._features, self._log = self._env.databases(
                (b"meta", b"features", b"changes")
            )
            self.store_id = self._claim()
        except BaseException:
            self._env.close(in_order=False)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the file."""
        self._env.close()

    def verify(self) -> None:
        """Walk all that LMDB would follow in the file; others may write meanwhile.

        Raises:
            CorruptDataError: If it makes no sense.
        """
        self._env.verify()

    def __len__(self) -> int:
        with self._env.reading() as txn:
            return self._counter(txn, _COUNT)

    def last_seq(self) -> int:
        """Return the sequence number of the newest change, 0 for a new store."""
        with self._env.reading() as txn:
            return self._counter(txn, _LAST_SEQ)

    def put(self, features: Mapping[ImageId, Feature]) -> None:
        """Add or replace features in one transaction: all of them, or none."""
        self._env.write(lambda txn: self._apply(txn, features))

    def remove(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Remove features in one transaction; return the ids that were there."""
        return self._env.write(
            lambda txn: self._apply(txn, dict.fromkeys(ids))  # None: removed
        )

    def get(self, ids: Sequence[ImageId]) -> dict[ImageId, Feature]:
        """Return the features of images; absent images are left out.

        An image whose feature has changed on disk counts as absent.
        """
        found: dict[ImageId, Feature] = {}
        with self._env.reading() as txn:
            for image_id in ids:
                value = self._value(txn, layout.key(image_id))
                if value is None:
                    continue
                feature = layout.unpack(value, spec=self.spec)
                if feature is not None:
                    found[image_id] = feature
        return found

    def rows_of(
        self, ids: Sequence[ImageId] | NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], Rows]:
        """Return the rows of many images, for a re-rank.

        Args:
            ids: Image ids; those that are not here are left out. Checksums are not
                looked at: to read them all would double the time of a search.

        Returns:
            Whose row each is, shape ``(n,)``, and the rows, shape ``(n, dim)``.
        """
        wanted = np.asarray(ids, dtype=np.int64)
        key, rows_part, features = layout.key, layout.rows_part, self._features
        row_bytes = self.spec.row_bytes
        # Views of the map, joined before it may change: half the time of copies.
        with self._env.reading(buffers=True) as txn:
            values = [txn.get(key(i), b"", features) for i in wanted.tolist()]
            parts = [rows_part(value) for value in values]
            parts = [b"" if len(part) % row_bytes else part for part in parts]
            rows = self._rows(parts)
        counts = np.array([len(part) for part in parts]) // self.spec.row_bytes
        return np.repeat(wanted, counts.astype(np.intp)), rows

    def ids(
        self, *, after: ImageId | None = None, limit: int | None = None
    ) -> list[ImageId]:
        """Return the ids above ``after``, in order, at most ``limit`` of them."""
        first = layout.key(0 if after is None else after + 1)
        # Views of the map: the features themselves are not read.
        with (
            self._env.reading(buffers=True) as txn,
            txn.cursor(db=self._features) as cursor,
        ):
            if not cursor.set_range(first):
                return []
            here = (layout.image_id(k) for k, v in cursor if layout.rows_part(v))
            return list(islice(here, limit))

    def highest_id(self, *, below: int) -> ImageId | None:
        """Return the highest id below a bound that any image has or had here."""
        with self._env.reading() as txn, txn.cursor(db=self._features) as cursor:
            past = cursor.set_range(layout.key(below))
            found = cursor.prev() if past else cursor.last()
            return layout.image_id(cursor.key()) if found else None

    def changes(self, since: int) -> Iterator[Changes]:
        """Iterate over what changed after a sequence number, oldest first."""
        while True:
            batch = self._changes(since)
            if batch.seq == since:
                return
            yield batch
            since = batch.seq

    def readings(self, *, after: ImageId | None = None) -> Iterator[Reading]:
        """Read every feature, by id, and compare it with its checksum.

        Args:
            after: Where to go on from.
        """
        while reading := self._read_some(layout.key(0 if after is None else after + 1)):
            yield reading
            after = reading.last

    def _read_some(self, first: bytes) -> Reading | None:
        ids: list[ImageId] = []
        damaged: list[ImageId] = []
        last = None
        size = count = without = 0
        with self._env.reading() as txn, txn.cursor(db=self._features) as cursor:
            found = cursor.set_range(first)
            while found and count < _BATCH and size < _BATCH_BYTES:
                image, value = cursor.item()
                last = layout.image_id(image)
                if layout.rows_part(value):
                    ids.append(last)
                if self._is_damaged(txn, image):
                    damaged.append(last)
                without += not layout.has_checksum(value)
                count, size = count + 1, size + len(value)
                found = cursor.next()
        return None if last is None else Reading(last, ids, damaged, without)

    def remove_damaged(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Remove those of these images whose features are damaged; return them."""

        def remove(txn: Transaction) -> list[ImageId]:
            damaged = [i for i in ids if self._is_damaged(txn, layout.key(i))]
            self._apply(txn, dict.fromkeys(damaged))
            return damaged

        return self._env.write(remove)

    def damaged(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Return those of these images whose features are damaged."""
        with self._env.reading() as txn:
            return [i for i in ids if self._is_damaged(txn, layout.key(i))]

    def add_checksums(self, ids: Sequence[ImageId]) -> None:
        """Give a checksum to those of these features that have none, as they are."""

        def add(txn: Transaction) -> None:
            for image in map(layout.key, ids):
                value = self._value(txn, image)
                if value is not None and not layout.has_checksum(value):
                    summed = layout.with_checksum(value, image=image)
                    txn.put(image, summed, db=self._features)

        self._env.write(add)

    def _changes(self, since: int) -> Changes:
        ids: list[ImageId] = []
        damaged: list[ImageId] = []
        owners: list[int] = []
        qualities: list[float] = []
        parts: list[bytes] = []
        with self._env.reading() as txn, txn.cursor(db=self._log) as cursor:
            found = cursor.set_range(layout.key(since + 1))
            size = 0
            while found and len(ids) < _BATCH and size < _BATCH_BYTES:
                since = layout.number(cursor.key())
                image = cursor.value()
                found = cursor.next()
                value = self._value(txn, image)
                if value is not None and layout.seq(value) != since:
                    continue  # a later change of a feature that was damaged then
                ids.append(layout.image_id(image))
                if value is None:  # nothing to be searched
                    damaged.append(ids[-1])
                    continue
                part = layout.rows_part(value)
                count = len(part) // self.spec.row_bytes
                owners.extend([ids[-1]] * count)
                qualities.extend([layout.quality(value)] * count)
                parts.append(part)
                size += len(part)
        if damaged:
            _log.warning(
                "%s: %s features are damaged and not searched, the first that of image "
                "%s: run `ambience check --repair`",
                self.path.parent.name,
                len(damaged),
                damaged[0],
            )
        return Changes(
            since,
            ids,
            np.array(owners, dtype=np.int64),
            self._rows(parts),
            np.array(qualities, dtype=np.float32),
        )

    def _apply(
        self, txn: Transaction, changed: Mapping[ImageId, Feature | None]
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
            elif feature is None and (old is None or self._value(txn, image)):
                continue
            if old is not None:
                self._strike(txn, image, layout.seq(old))
            seq += 1
            value = layout.pack(feature, image=image, seq=seq, spec=self.spec)
            txn.put(image, value, db=self._features)
            txn.put(layout.key(seq), image, db=self._log, append=True)
            count += (feature is not None) - was_there
        txn.put(_LAST_SEQ, layout.key(seq), db=self._meta)
        txn.put(_COUNT, layout.key(count), db=self._meta)
        return known

    def _strike(self, txn: Transaction, image: bytes, seq: int) -> None:
        """Take an image's change before out of the order of changes."""
        at = layout.key(seq)
        if txn.get(at, db=self._log) == image:
            txn.delete(at, db=self._log)
            return
        with txn.cursor(db=self._log) as cursor:  # its value was damaged
            for at in [at for at, of in cursor if of == image]:
                txn.delete(at, db=self._log)

    def _is_damaged(self, txn: Transaction, image: bytes) -> bool:
        """Whether what is kept of an image is not what was put."""
        value = txn.get(image, db=self._features)
        return value is not None and not (
            layout.is_intact(value, image=image, spec=self.spec)
            and txn.get(layout.key(layout.seq(value)), db=self._log) == image
        )

    def _value(self, txn: Transaction, image: bytes) -> bytes | None:
        """Return an image's value, None if there is none or it is damaged."""
        value: bytes | None = txn.get(image, db=self._features)
        if value is None or not layout.is_intact(value, image=image, spec=self.spec):
            return None
        return value

    def _counter(self, txn: Transaction, name: bytes) -> int:
        return layout.number(self._recorded(txn, name))

    def _recorded(self, txn: Transaction, name: bytes) -> bytes:
        value: bytes | None = txn.get(name, db=self._meta)
        if value is None:
            raise self._env.damaged(f"it has no {name.decode()}")
        return value

    def _rows(self, parts: Sequence[bytes]) -> Rows:
        if any(len(part) % self.spec.row_bytes for part in parts):
            raise self._env.damaged("a feature has a wrong length")
        return np.frombuffer(b"".join(parts), dtype=self.spec.dtype).reshape(
            -1, self.spec.dim
        )

    def _claim(self) -> str:
        """Record our spec in a new store, refuse another's; return the store's id."""
        mine = self.spec.as_dict()

        def claim(txn: Transaction) -> tuple[bytes, bytes]:
            if not (self.readonly or txn.stat(self._meta)["entries"]):
                txn.put(_SPEC, json.dumps(mine, sort_keys=True).encode(), db=self._meta)
                txn.put(_STORE_ID, uuid.uuid4().hex.encode(), db=self._meta)
                txn.put(_LAST_SEQ, layout.key(0), db=self._meta)
                txn.put(_COUNT, layout.key(0), db=self._meta)
            return self._recorded(txn, _STORE_ID), self._recorded(txn, _SPEC)

        if self.readonly:
            with self._env.reading() as txn:
                store_id, recorded = claim(txn)
        else:
            store_id, recorded = self._env.write(claim)
        try:
            theirs = dict(json.loads(recorded))
            claimed = store_id.decode("ascii")
        except (TypeError, ValueError) as error:
            raise self._env.damaged(error) from error
        if theirs != mine:
            name = self.path.parent.name
            changed = sorted(k for k in mine if theirs.get(k) != mine[k])
            raise SpecMismatchError(
                f"the stored features of {name} differ from what its extractor makes ("
                + ", ".join(f"{k} {theirs.get(k)!r}, now {mine[k]!r}" for k in changed)
                + f"): run `ambience rebuild {name}` to extract them anew"
            )
        return claimed
