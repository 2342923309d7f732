"""A service's features on disk: each change is a numbered transaction."""

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
from ambience.engine.embedded.store.change_batch import ChangeBatch
from ambience.engine.embedded.store.environment import Environment, Transaction

_MAP_BYTES = 2**26  # the initial size; it doubles whenever the map is full
_BATCH = 4096  # changes read in one transaction while an index catches up
_BATCH_BYTES = 2**22  # a batch also ends here, if features are large

_SPEC, _STORE_ID, _LAST_SEQ, _COUNT = b"spec", b"store_id", b"last_seq", b"count"

_log = logging.getLogger(__name__)


class FeatureStore:
    """A durable mapping from image id to feature, in a file that processes can share.

    Every change has a sequence number, written in the same transaction, so that an
    index can ask for the changes it missed. Only the latest change of an image is kept;
    a removed image leaves a marker, so that indexes in other processes learn of it.

    A feature whose bytes were damaged on disk counts as absent until it is put again;
    `readings` finds it.

    Args:
        path: The LMDB file.
        spec: The specification of its features; a new store records it.
        map_bytes: Initial size of the memory map, which grows when needed.
        readonly: Never write; see `Environment`.

    Raises:
        SpecMismatchError: If the store holds features of another specification.
        CorruptDataError: If the file is damaged.
        StoredDataError: If it can't be written, or with ``readonly`` is missing.
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
            self._meta, self._features, self._changelog = self._env.databases(
                (b"meta", b"features", b"changes")
            )
            self.store_id = self._check_spec()
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
        """Check the structure of the file; other processes may write meanwhile.

        Raises:
            CorruptDataError: If it is damaged.
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
        """Add or replace features in one transaction, all of them or none."""
        self._env.write(lambda txn: self._apply(txn, features))

    def remove(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Remove features in one transaction; return the ids that were stored."""
        return self._env.write(
            lambda txn: self._apply(txn, dict.fromkeys(ids))  # None removes
        )

    def get(self, ids: Sequence[ImageId]) -> dict[ImageId, Feature]:
        """Return the features of images, without those that are absent or damaged."""
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
        """Return the rows of many images, for re-ranking.

        Checksums are not verified, as that would double the time of a search.

        Args:
            ids: Image ids; those without a feature are left out.

        Returns:
            The image of each row, shape ``(n,)``, and the rows, shape ``(n, dim)``.
        """
        wanted = np.asarray(ids, dtype=np.int64)
        key, rows_part, features = layout.key, layout.rows_part, self._features
        row_bytes = self.spec.row_bytes
        # Views of the map are joined before it can change, in half the time of copies.
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
        """Return at most ``limit`` ids above ``after``, in ascending order."""
        first = layout.key(0 if after is None else after + 1)
        # With views of the map, the features themselves are not read.
        with (
            self._env.reading(buffers=True) as txn,
            txn.cursor(db=self._features) as cursor,
        ):
            if not cursor.set_range(first):
                return []
            stored = (layout.image_id(k) for k, v in cursor if layout.rows_part(v))
            return list(islice(stored, limit))

    def highest_id(self, *, below: int) -> ImageId | None:
        """Return the highest id below a bound that was ever stored here."""
        with self._env.reading() as txn, txn.cursor(db=self._features) as cursor:
            past = cursor.set_range(layout.key(below))
            found = cursor.prev() if past else cursor.last()
            return layout.image_id(cursor.key()) if found else None

    def changes(self, since: int) -> Iterator[ChangeBatch]:
        """Yield the changes after a sequence number, oldest first."""
        while True:
            batch = self._changes(since)
            if batch.seq == since:
                return
            yield batch
            since = batch.seq

    def readings(self, *, after: ImageId | None = None) -> Iterator[Reading]:
        """Read every feature, in ascending order of ids, and verify its checksum.

        Args:
            after: Skip this id and lower ones.
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
        """Remove the damaged features among these; return their images."""

        def remove(txn: Transaction) -> list[ImageId]:
            damaged = [i for i in ids if self._is_damaged(txn, layout.key(i))]
            self._apply(txn, dict.fromkeys(damaged))
            return damaged

        return self._env.write(remove)

    def damaged(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """Return which of these images have damaged features."""
        with self._env.reading() as txn:
            return [i for i in ids if self._is_damaged(txn, layout.key(i))]

    def add_checksums(self, ids: Sequence[ImageId]) -> None:
        """Add a checksum to the features among these that have none."""

        def add(txn: Transaction) -> None:
            for image in map(layout.key, ids):
                value = self._value(txn, image)
                if value is not None and not layout.has_checksum(value):
                    summed = layout.with_checksum(value, image=image)
                    txn.put(image, summed, db=self._features)

        self._env.write(add)

    def _changes(self, since: int) -> ChangeBatch:
        ids: list[ImageId] = []
        damaged: list[ImageId] = []
        row_ids: list[int] = []
        qualities: list[float] = []
        parts: list[bytes] = []
        with self._env.reading() as txn, txn.cursor(db=self._changelog) as cursor:
            found = cursor.set_range(layout.key(since + 1))
            size = 0
            while found and len(ids) < _BATCH and size < _BATCH_BYTES:
                since = layout.number(cursor.key())
                image = cursor.value()
                found = cursor.next()
                value = self._value(txn, image)
                if value is not None and layout.seq(value) != since:
                    continue  # superseded while the image's feature was damaged
                ids.append(layout.image_id(image))
                if value is None:  # nothing to search
                    damaged.append(ids[-1])
                    continue
                part = layout.rows_part(value)
                count = len(part) // self.spec.row_bytes
                row_ids.extend([ids[-1]] * count)
                qualities.extend([layout.quality(value)] * count)
                parts.append(part)
                size += len(part)
        if damaged:
            _log.warning(
                "%s: %s features are damaged and not searched, first that of image %s: "
                "run `ambience check --repair`",
                self.path.parent.name,
                len(damaged),
                damaged[0],
            )
        return ChangeBatch(
            since,
            ids,
            np.array(row_ids, dtype=np.int64),
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
            txn.put(layout.key(seq), image, db=self._changelog, append=True)
            count += (feature is not None) - was_there
        txn.put(_LAST_SEQ, layout.key(seq), db=self._meta)
        txn.put(_COUNT, layout.key(count), db=self._meta)
        return known

    def _strike(self, txn: Transaction, image: bytes, seq: int) -> None:
        """Remove the previous change of an image from the changelog."""
        at = layout.key(seq)
        if txn.get(at, db=self._changelog) == image:
            txn.delete(at, db=self._changelog)
            return
        with txn.cursor(db=self._changelog) as cursor:  # the value was damaged
            for at in [at for at, of in cursor if of == image]:
                txn.delete(at, db=self._changelog)

    def _is_damaged(self, txn: Transaction, image: bytes) -> bool:
        """Return whether an image's value differs from what was put."""
        value = txn.get(image, db=self._features)
        return value is not None and not (
            layout.is_intact(value, image=image, spec=self.spec)
            and txn.get(layout.key(layout.seq(value)), db=self._changelog) == image
        )

    def _value(self, txn: Transaction, image: bytes) -> bytes | None:
        """Return an image's value, ``None`` if it is missing or damaged."""
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

    def _check_spec(self) -> str:
        """Record our spec in a new store, refuse any other; return the store's id."""
        mine = self.spec.as_dict()

        def recorded_by(txn: Transaction) -> tuple[bytes, bytes]:
            if not (self.readonly or txn.stat(self._meta)["entries"]):
                txn.put(_SPEC, json.dumps(mine, sort_keys=True).encode(), db=self._meta)
                txn.put(_STORE_ID, uuid.uuid4().hex.encode(), db=self._meta)
                txn.put(_LAST_SEQ, layout.key(0), db=self._meta)
                txn.put(_COUNT, layout.key(0), db=self._meta)
            return self._recorded(txn, _STORE_ID), self._recorded(txn, _SPEC)

        if self.readonly:
            with self._env.reading() as txn:
                store_id, recorded = recorded_by(txn)
        else:
            store_id, recorded = self._env.write(recorded_by)
        try:
            theirs = dict(json.loads(recorded))
            decoded_id = store_id.decode("ascii")
        except (TypeError, ValueError) as error:
            raise self._env.damaged(error) from error
        if theirs != mine:
            name = self.path.parent.name
            changed = sorted(k for k in mine if theirs.get(k) != mine[k])
            raise SpecMismatchError(
                f"the stored features of {name} differ from what its extractor makes ("
                + ", ".join(f"{k} {theirs.get(k)!r}, now {mine[k]!r}" for k in changed)
                + f"): run `ambience rebuild {name}` to extract them again"
            )
        return decoded_id
