"""Lock files show which processes of this machine are using a data folder."""

import os
import platform
import uuid
from pathlib import Path

from filelock import FileLock, Timeout

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_BOOT = Path("/proc/sys/kernel/random/boot_id")  # Linux: a new one at each boot


def machine() -> str:
    """Return what identifies a running system, until its next boot.

    Containers on one system share it, as they share its locks.
    """
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return f"{platform.node()} {uuid.getnode():012x}"


class LockFiles:
    """A process holds a lock on a file of its own for as long as it lives.

    The system releases the lock even after ``kill -9``.

    Args:
        folder: Where the files are.
        readonly: Whether nothing may be written: this process then holds no lock.
    """

    def __init__(self, folder: Path, *, readonly: bool) -> None:
        self._folder = folder
        self._readonly = readonly
        self.name = uuid.uuid4().hex
        self.machine = machine()  # now, while there are descriptors to read it
        self.lock = FileLock(self._path(self.name))
        self.own = ""  # identifies this process's file: see `is_here`
        if not readonly:
            folder.mkdir(parents=True, exist_ok=True)
            self.lock.acquire()
            self.own = self._described(self.name)

    def close(self) -> None:
        """Release this process's lock."""
        if not self._readonly:
            self.lock.release()
            self._path(self.name).unlink(missing_ok=True)

    def others(self) -> set[str]:
        """Return the names of the other files, including those of dead processes."""
        return {path.stem for path in self._folder.glob("*.lock")} - {self.name}

    def is_here(self, described: str) -> bool:
        """Whether a process of this machine has its file in this very folder.

        A copy of the folder does not count: its files have other numbers.

        Args:
            described: The value of `own` in that process.
        """
        try:
            return self._described(described.partition(" ")[0]) == described
        except FileNotFoundError:
            return False

    def is_held(self, name: str) -> bool:
        """Whether the process that has this file is alive."""
        path = self._path(name)
        if self._readonly or not path.exists():
            return _seems_held(path)
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        lock.release()
        return False

    def remove(self, name: str) -> None:
        """Remove the file of a process that is dead."""
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.lock"

    def _described(self, name: str) -> str:
        found = self._path(name).stat()
        return f"{name} {found.st_dev} {found.st_ino}"


def _seems_held(path: Path) -> bool:
    """Whether a process has a lock, as far as this can be seen without writing."""
    if not path.exists():
        return False
    if fcntl is None:
        return True
    try:
        number = os.open(path, os.O_RDONLY)
    except PermissionError:
        return True
    try:
        fcntl.flock(number, fcntl.LOCK_SH | fcntl.LOCK_NB)  # released on closing
    except BlockingIOError:
        return True
    finally:
        os.close(number)
    return False
