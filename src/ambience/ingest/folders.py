"""Finds the image files in folders, without going in circles or into hidden places."""

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias, TypeVar

from ambience.core.errors import BadParameterError
from ambience.imaging import EXTENSIONS

# Folders in which storage servers keep thumbnails and deleted files of their own. The
# last one is at the root of file systems, and only the system may look into it.
_NOT_OURS = frozenset({"@eadir", "#recycle", "$recycle.bin", "__macosx", "lost+found"})

# How looking at a path fails if nothing is there (or a link to itself).
_NOTHING_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})

_LATEST_NS = 2**63 - 1  # in the year 2262

# Files in a batch: with this many, a network gets most of the benefit of batches, and a
# stop does not have to wait long.
_TOGETHER = 8
_TOGETHER_BYTES = 32 * 2**20  # and no more than this: they are in memory together


OnUnreadable: TypeAlias = Callable[[Path, OSError], object]
"""Called with a folder or file that can't be looked at, and the reason."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that may be an image.

    Attributes:
        path: Its absolute path.
        byte_count: Its size.
        modified_ns: When it was last changed, in nanoseconds since 1970.
    """

    path: Path
    byte_count: int
    modified_ns: int


def absolute(paths: Sequence[Path]) -> list[Path]:
    """Return absolute paths, each once.

    Raises:
        BadParameterError: If one of them does not exist, or can't be looked at.
    """
    # Not resolved: a link named by the user keeps its name.
    roots = list(dict.fromkeys(Path(os.path.abspath(path)) for path in paths))  # noqa: PTH100 -- pathlib keeps ".."
    for root in roots:
        try:
            root.stat()
        except OSError as error:
            if error.errno in _NOTHING_THERE:
                raise BadParameterError(
                    f"{root} does not exist: check the spelling"
                ) from error
            raise BadParameterError(
                f"{root} can't be read: {error.strerror}: let this user read it"
            ) from error
    return roots


def is_gone(path: Path) -> bool:
    """Whether nothing is at a path; false if we are not allowed to look."""
    try:
        path.lstat()
    except OSError as error:
        return says_gone(error)
    return False


def says_gone(error: OSError) -> bool:
    """Whether an error means that nothing is there, not that we may not look."""
    return error.errno in _NOTHING_THERE


def walk(
    roots: Sequence[Path],
    *,
    leave_out: Path,
    on_unreadable: OnUnreadable = lambda *_: None,
) -> Iterator[FoundFile]:
    """Iterate over the image files at and below some paths, in a fixed order.

    Hidden files and folders are left out, and so are files without the extension of an
    image; but a file in ``roots`` is always included. Links are followed, and each
    folder and each linked file is visited once.

    Args:
        roots: Absolute paths of files and folders.
        leave_out: A folder to leave out, under any name: our own data.
        on_unreadable: Called for everything else that might hold images.
    """
    walker = _Walker(on_unreadable)
    walker.leave_out(leave_out)
    for root in roots:
        yield from walker.walk(root)


class _Walker:
    """Walks through folders, each once."""

    def __init__(self, on_unreadable: OnUnreadable) -> None:
        self._on_unreadable = on_unreadable
        self._seen: set[tuple[int, int]] = set()

    def leave_out(self, folder: Path) -> None:
        with suppress(OSError):  # if it does not exist, it is not walked into
            self._is_new(folder.stat())

    def walk(self, root: Path) -> Iterator[FoundFile]:
        status = self._status(root)
        if status is None:
            return
        if stat.S_ISREG(status.st_mode):
            yield _found(root, status)
        elif stat.S_ISDIR(status.st_mode):
            yield from self._walk_folder(root, status)
        else:
            self._on_unreadable(root, OSError(errno.EINVAL, "it is not a regular file"))

    def _walk_folder(self, folder: Path, own: os.stat_result) -> Iterator[FoundFile]:
        pending = [(folder, own)]
        while pending:
            here, own = pending.pop()
            if not self._is_new(own):
                continue
            below: list[tuple[Path, os.stat_result]] = []
            for entry in self._entries(here):
                path = Path(entry.path)
                status = self._status(path) if _may_hold_images(entry) else None
                if status is None:
                    continue
                if stat.S_ISDIR(status.st_mode):
                    below.append((path, status))
                elif (
                    stat.S_ISREG(status.st_mode)
                    and path.suffix.lower() in EXTENSIONS
                    and (not path.is_symlink() or self._is_new(status))
                ):
                    yield _found(path, status)
            pending.extend(reversed(below))

    def _entries(self, folder: Path) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as scan:
                return sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            if error.errno not in _NOTHING_THERE:
                self._on_unreadable(folder, error)
            return []

    def _status(self, path: Path) -> os.stat_result | None:
        """Return the status of a path, following links; ``None`` if that fails."""
        try:
            return path.stat()
        except OSError as error:
            if error.errno not in _NOTHING_THERE:
                self._on_unreadable(path, error)
            return None

    def _is_new(self, status: os.stat_result) -> bool:
        """Whether this is seen for the first time; it is then marked as seen."""
        identity = (status.st_dev, status.st_ino)
        if identity in self._seen:
            return False
        self._seen.add(identity)
        return True


def _may_hold_images(entry: os.DirEntry[str]) -> bool:
    """Tell by its name and kind whether an entry is worth looking at."""
    if entry.name.startswith(".") or entry.name.lower() in _NOT_OURS:
        return False
    try:
        is_plain = entry.is_file(follow_symlinks=False)
    except OSError:  # looking at it will report why
        return True
    return not is_plain or Path(entry.name).suffix.lower() in EXTENSIONS


def _found(path: Path, status: os.stat_result) -> FoundFile:
    # Some file systems store dates that don't fit into 64 bits of nanoseconds.
    modified_ns = max(-_LATEST_NS, min(status.st_mtime_ns, _LATEST_NS))
    return FoundFile(path, status.st_size, modified_ns)


class _Sized(Protocol):
    @property
    def byte_count(self) -> int: ...


SizedT = TypeVar("SizedT", bound=_Sized)


def file_batches(files: Sequence[SizedT], *, threads: int) -> Iterator[list[SizedT]]:
    """Divide files, in order, into batches that a thread works on together.

    Args:
        files: The files.
        threads: How many threads there are: a few files are spread over all of them.
    """
    most = min(_TOGETHER, -(-len(files) // threads))
    batch: list[SizedT] = []
    for file in files:
        size = sum(one.byte_count for one in batch) + file.byte_count
        if batch and (len(batch) >= most or size > _TOGETHER_BYTES):
            yield batch
            batch = []
        batch.append(file)
    if batch:
        yield batch
