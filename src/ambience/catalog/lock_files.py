"""Lock files tell which processes of this machine have a data folder in use."""

import os
import platform
import uuid
from pathlib import Path

from filelock import FileLock, Timeout

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_BOOT = Path("/proc/sys/kernel/random/boot_id")  # Linux: another one at each start


def machine() -> str:
    """Return what tells a running system from all others, and from its next start.

    Containers of one system share it, as they share its locks.
    """
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return f"{platform.node()} {uuid.getnode():012x}"


class LockFiles:
    """A process holds a lock on a file of its own for as long as it lives.

    The system releases it even after ``kill -9``.

    Args:
        folder: Where the files are.
        readonly: Whether nothing may be written: this process then holds none.
    """

    def __init__(self, folder: Path, *, readonly: bool) -> None:
        self._folder = folder
        self._readonly = readonly
        self.name = uuid.uuid4().hex
        self.machine = machine()  # now, while there are descriptors to read it
        self.lock = FileLock(self._path(self.name))
        self.own = ""  # tells this process's file from all others: see `is_here`
        if not readonly:
            folder.mkdir(parents=True, exist_ok=True)
            self.lock.acquire()
            self.own = self._described(self.name)

    def close(self) -> None:
        """Give up this process's lock."""
        if not self._readonly:
            self.lock.release()
            self._path(self.name).unlink(missing_ok=True)

    def others(self) -> set[str]:
        """Return the names of the other files, those of dead processes included."""
        return {path.stem for path in self._folder.glob("*.lock")} - {self.name}

    def is_here(self, described: str) -> bool:
        """Whether a process of this machine has its file in this very folder.

        Not in a copy of it: a file is told by its number, too.

        Args:
            described: What was `own` there.
        """
        try:
            return self._described(described.partition(" ")[0]) == described
        except FileNotFoundError:
            return False

    def is_held(self, name: str) -> bool:
        """Whether the process lives whose file this is."""
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
    """Whether a process has a lock, as far as can be seen without writing to it."""
    if not path.exists():
        return False
    if fcntl is None:
        return True
    try:
        number = os.open(path, os.O_RDONLY)
    except PermissionError:
        return True
    try:
        fcntl.flock(number, fcntl.LOCK_SH | fcntl.LOCK_NB)  # let go with the file
    except BlockingIOError:
        return True
    finally:
        os.close(number)
    return False
