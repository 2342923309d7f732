"""The LMDB file under a store: opened if it is sound, shared, grown as it fills."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import lmdb

from ambience.core.errors import CorruptDataError, StoredDataError
from ambience.core.rwlock import ReadWriteLock
from ambience.store import verification

_MAX_READERS = 512  # threads that read at once, over all processes
_CHECKED_BYTES = 2**25  # the most that is walked at every start: takes 0.9 s

T = TypeVar("T")
Transaction: TypeAlias = Any  # its stubs admit memory views, which we never ask for


class Environment:
    """One file of databases, which other processes may have open as well.

    Args:
        path: The file; its folder is named as the service.
        map_bytes: How large the memory map starts; it grows by itself.

    Raises:
        CorruptDataError: If the file is damaged.
        StoredDataError: If it can't be written to.
    """

    def __init__(self, path: Path, *, map_bytes: int) -> None:
        self.path = path
        self._lock = ReadWriteLock()  # a map must not be resized under a reader
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            size = path.stat().st_size if path.exists() else 0
            if size:
                verification.header(path)
            self._env: Any = lmdb.open(
                str(path),
                subdir=False,
                map_size=max(map_bytes, size),
                max_dbs=4,
                max_readers=_MAX_READERS,
            )
        except verification.DAMAGE as error:
            raise self.damaged(error) from error
        except (lmdb.Error, OSError) as error:
            raise self._refused(error) from error
        try:
            self._check()
            verification.distrust(path)
            self._env.reader_check()  # those of dead processes keep old pages alive
        except OSError as error:
            self._env.close()
            raise self._refused(error) from error
        except BaseException:
            self._env.close()
            raise

    def close(self, *, in_order: bool = True) -> None:
        """Release the file.

        Args:
            in_order: Whether all went well, so that it may be trusted next time.
        """
        with self._lock.write():
            self._env.close()
        if in_order:
            with suppress(OSError):  # it is walked at the next start: no worse for it
                verification.leave(self.path)

    def databases(self, names: Sequence[bytes]) -> list[Any]:
        """Return databases within the file, made if they are not there."""
        return self.write(lambda txn: [self._env.open_db(name, txn) for name in names])

    @contextmanager
    def reading(self, *, buffers: bool = False) -> Iterator[Transaction]:
        """Read at one moment; with ``buffers``, views of the map in place of copies."""
        while True:
            try:
                with self._lock.read(), self._env.begin(buffers=buffers) as txn:
                    yield txn
                    return
            except lmdb.MapResizedError:  # raised by begin: another process grew it
                self._resize(0)
            except verification.DAMAGE as error:
                raise self.damaged(error) from error

    def write(self, act: Callable[[Transaction], T]) -> T:
        """Write all that an act writes, or nothing; it may be called again."""
        while True:
            try:
                with self._lock.read(), self._env.begin(write=True) as txn:
                    return act(txn)
            except lmdb.MapFullError:
                self._resize(2 * self._env.info()["map_size"])
            except lmdb.MapResizedError:
                self._resize(0)
            except verification.DAMAGE as error:
                raise self.damaged(error) from error
            except lmdb.Error as error:
                raise self._refused(error) from error

    def _check(self) -> None:
        """Refuse a damaged file before LMDB follows it out of memory."""
        # No writer meanwhile, who would be about to make it longer.
        self.write(lambda _: verification.complete(self.path))
        size = self.path.stat().st_size
        if size <= _CHECKED_BYTES or not verification.is_as_left(self.path):
            self.verify()

    def verify(self) -> None:
        """Walk all that LMDB would follow in the file; others may write meanwhile.

        Raises:
            CorruptDataError: If it makes no sense.
        """
        with self.reading():  # so that no page of this moment is used again
            problems = verification.walk(self.path)
        if problems:  # of a change that was just being written?
            problems = self.write(lambda _: verification.walk(self.path))
        if problems:
            raise self.damaged(problems[0])

    def damaged(self, reason: object) -> CorruptDataError:
        """Return the error that says that the file is damaged, and what to do."""
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
