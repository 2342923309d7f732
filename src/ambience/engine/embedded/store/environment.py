"""The LMDB file of a store: checked when opened, and enlarged when full."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import lmdb

from ambience.core.errors import CorruptDataError, StoredDataError
from ambience.core.rwlock import ReadWriteLock
from ambience.engine.embedded.store import lmdb_file

_MAX_READERS = 512  # concurrent reading threads in all processes
_CHECKED_BYTES = 2**25  # files up to this size are checked at every start: 0.9 s

T = TypeVar("T")
Transaction: TypeAlias = Any  # its stubs allow memory views, which we don't use


class Environment:
    """A file of databases, which other processes may have open too.

    Args:
        path: The file; its folder has the name of the service.
        map_bytes: Initial size of the memory map, which grows when needed.
        readonly: Never write. If LMDB's lock file can't be written either, it is not
            used; then no other process should write meanwhile, because half a change
            might be read.

    Raises:
        CorruptDataError: If the file is damaged.
        StoredDataError: If it can't be written, or with ``readonly`` is missing.
    """

    def __init__(self, path: Path, *, map_bytes: int, readonly: bool = False) -> None:
        self.path = path
        self._readonly = readonly
        self._lock = ReadWriteLock()  # the map must not be resized during a read
        try:
            self._env = self._open(map_bytes)
        except lmdb_file.DAMAGE as error:
            raise self.damaged(error) from error
        except (lmdb.Error, OSError) as error:
            raise self._unwritable(error) from error
        try:
            self._check()
            if not readonly:
                lmdb_file.distrust(path)
            self._env.reader_check()  # drops readers of dead processes
        except OSError as error:
            self._env.close()
            raise self._unwritable(error) from error
        except BaseException:
            self._env.close()
            raise

    def close(self, *, in_order: bool = True) -> None:
        """Close the file.

        Args:
            in_order: Whether everything went well, so that the next start may skip the
                check.
        """
        with self._lock.write():
            self._env.close()
        if in_order and not self._readonly:
            with suppress(
                OSError
            ):  # the next start checks the file, and nothing is lost
                lmdb_file.note_closed(self.path)

    def databases(self, names: Sequence[bytes]) -> list[Any]:
        """Return databases of the file; missing ones are created."""
        if not self._readonly:
            return self.write(lambda t: [self._env.open_db(name, t) for name in names])
        try:
            return [self._env.open_db(name, create=False) for name in names]
        except (lmdb.NotFoundError, *lmdb_file.DAMAGE) as error:
            raise self.damaged(error) from error

    @contextmanager
    def reading(self, *, buffers: bool = False) -> Iterator[Transaction]:
        """Read a consistent state; ``buffers`` gives views of the map, not copies."""
        while True:
            try:
                with self._lock.read(), self._env.begin(buffers=buffers) as txn:
                    yield txn
                    return
            except lmdb.MapResizedError:  # raised by begin: another process grew it
                self._resize(0)
            except lmdb_file.DAMAGE as error:
                raise self.damaged(error) from error

    def write(self, act: Callable[[Transaction], T]) -> T:
        """Run a function in a write transaction; it may run more than once."""
        if self._readonly:
            raise StoredDataError(
                f"{self.path.parent.name} can't change: the data folder is read-only"
            )
        while True:
            try:
                with self._lock.read(), self._env.begin(write=True) as txn:
                    return act(txn)
            except lmdb.MapFullError:
                self._resize(2 * self._env.info()["map_size"])
            except lmdb.MapResizedError:
                self._resize(0)
            except lmdb_file.DAMAGE as error:
                raise self.damaged(error) from error
            except lmdb.Error as error:
                raise self._unwritable(error) from error

    def _open(self, map_bytes: int) -> Any:
        path, name = self.path, self.path.parent.name
        if not self._readonly:
            path.parent.mkdir(parents=True, exist_ok=True)
        elif not path.exists():
            raise StoredDataError(
                f"there are no features of {name} at {path}, and none can be stored "
                "there, as the data folder is read-only"
            )
        size = path.stat().st_size if path.exists() else 0
        if size:
            lmdb_file.header(path)
        options: dict[str, Any] = {
            "subdir": False,
            "map_size": max(map_bytes, size),
            "max_dbs": 4,
            "max_readers": _MAX_READERS,
            "readonly": self._readonly,
        }
        try:
            return lmdb.open(str(path), **options)
        except lmdb.Error:
            if not self._readonly:
                raise
            return lmdb.open(str(path), **options, lock=False)

    def _check(self) -> None:
        """Refuse a damaged file, before it makes LMDB crash the process."""
        if self._readonly:
            self.verify()
            return
        # In a write transaction, so that nobody else enlarges the file meanwhile.
        self.write(lambda _: lmdb_file.complete(self.path))
        size = self.path.stat().st_size
        if size <= _CHECKED_BYTES or not lmdb_file.is_unchanged(self.path):
            self.verify()

    def verify(self) -> None:
        """Check the structure of the file; other processes may write meanwhile.

        Raises:
            CorruptDataError: If it is damaged.
        """
        with self.reading():  # so that no current page is reused meanwhile
            problems = lmdb_file.problems(self.path)
        if problems:  # possibly of a change that was just being written
            problems = self._problems_again()
        if problems:
            raise self.damaged(problems[0])

    def _problems_again(self) -> list[str]:
        if self._readonly:
            with self.reading():
                return lmdb_file.problems(self.path)
        return self.write(lambda _: lmdb_file.problems(self.path))

    def damaged(self, reason: object) -> CorruptDataError:
        """Return the error for a damaged file, which says what to do."""
        name = self.path.parent.name
        return CorruptDataError(
            f"the feature store of {name} is damaged ({reason}): stop ambience and run "
            f"`ambience rebuild {name}`"
        )

    def _unwritable(self, reason: object) -> StoredDataError:
        return StoredDataError(
            f"the feature store of {self.path.parent.name} can't be written ({reason}):"
            " check whether the disk is full or read-only"
        )

    def _resize(self, map_bytes: int) -> None:
        with self._lock.write():
            self._env.set_mapsize(map_bytes)
