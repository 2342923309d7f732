"""The LMDB file under a store: opened if it is sound, shared, grown as it fills."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import lmdb

from ambience.core.errors import CorruptDataError, StoredDataError
from ambience.core.rwlock import ReadWriteLock
from ambience.engine.embedded.store import verification

_MAX_READERS = 512  # threads that read at once, over all processes
_CHECKED_BYTES = 2**25  # the most that is walked at every start: takes 0.9 s

T = TypeVar("T")
Transaction: TypeAlias = Any  # its stubs admit memory views, which we never ask for


class Environment:
    """One file of databases, which other processes may have open as well.

    Args:
        path: The file; its folder is named as the service.
        map_bytes: How large the memory map starts; it grows by itself.
        readonly: Whether nothing may be written. Where LMDB's locks can't be had then,
            it goes without them: what other processes write meanwhile may be read
            half, so none should.

    Raises:
        CorruptDataError: If the file is damaged.
        StoredDataError: If it can't be written to; with ``readonly``: is not there.
    """

    def __init__(self, path: Path, *, map_bytes: int, readonly: bool = False) -> None:
        self.path = path
        self._readonly = readonly
        self._lock = ReadWriteLock()  # a map must not be resized under a reader
        try:
            self._env = self._open(map_bytes)
        except verification.DAMAGE as error:
            raise self.damaged(error) from error
        except (lmdb.Error, OSError) as error:
            raise self._refused(error) from error
        try:
            self._check()
            if not readonly:
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
        if in_order and not self._readonly:
            with suppress(OSError):  # it is walked at the next start: no worse for it
                verification.leave(self.path)

    def databases(self, names: Sequence[bytes]) -> list[Any]:
        """Return databases within the file, made if they are not there."""
        if not self._readonly:
            return self.write(lambda t: [self._env.open_db(name, t) for name in names])
        try:
            return [self._env.open_db(name, create=False) for name in names]
        except (lmdb.NotFoundError, *verification.DAMAGE) as error:
            raise self.damaged(error) from error

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
        if self._readonly:
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
            except verification.DAMAGE as error:
                raise self.damaged(error) from error
            except lmdb.Error as error:
                raise self._refused(error) from error

    def _open(self, map_bytes: int) -> Any:
        path, name = self.path, self.path.parent.name
        if not self._readonly:
            path.parent.mkdir(parents=True, exist_ok=True)
        elif not path.exists():
            raise StoredDataError(
                f"there are no features of {name} at {path}, and none can be kept "
                "there, as the data folder is read-only"
            )
        size = path.stat().st_size if path.exists() else 0
        if size:
            verification.header(path)
        how: dict[str, Any] = {
            "subdir": False,
            "map_size": max(map_bytes, size),
            "max_dbs": 4,
            "max_readers": _MAX_READERS,
            "readonly": self._readonly,
        }
        try:
            return lmdb.open(str(path), **how)
        except lmdb.Error:
            if not self._readonly:
                raise
            return lmdb.open(str(path), **how, lock=False)

    def _check(self) -> None:
        """Refuse a damaged file before LMDB follows it out of memory."""
        if self._readonly:
            self.verify()
            return
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
            problems = self._walked_again()
        if problems:
            raise self.damaged(problems[0])

    def _walked_again(self) -> list[str]:
        if self._readonly:
            with self.reading():
                return verification.walk(self.path)
        return self.write(lambda _: verification.walk(self.path))

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
