"""Finds the image files in folders, without going in circles or into hidden places."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ambience.core.errors import BadParameterError
from ambience.imaging import EXTENSIONS

# Folders in which storage servers keep thumbnails and deleted files of their own.
_NOT_OURS = frozenset({"@eadir", "#recycle", "$recycle.bin", "__macosx"})

_LATEST_NS = 2**63 - 1  # in the year 2262


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that may be an image.

    Attributes:
        path: Absolute.
        byte_count: Its size.
        modified_ns: When it was last changed, nanoseconds since 1970.
    """

    path: Path
    byte_count: int
    modified_ns: int


def absolute(paths: Sequence[Path]) -> list[Path]:
    """Return paths from the root, each once.

    Raises:
        BadParameterError: If one of them does not exist.
    """
    # Not resolved: a link that the user names stays the name of what it leads to.
    roots = list(dict.fromkeys(Path(os.path.abspath(path)) for path in paths))  # noqa: PTH100
    for root in roots:
        if not root.exists():
            raise BadParameterError(f"{root} does not exist: check the spelling")
    return roots


def walk(roots: Sequence[Path], *, leave_out: Path) -> Iterator[FoundFile]:
    """Iterate over the image files at and below some paths, in a fixed order.

    Hidden files and folders are left out, and so is what has no image's extension; a
    file named itself is taken whatever it is called. Links are followed, each folder
    and each linked file is visited once.

    Args:
        roots: Files and folders, absolute.
        leave_out: A folder not to go into, by whatever name: our own data.
    """
    seen: set[tuple[int, int]] = set()
    _is_new(leave_out, seen)
    for root in roots:
        if root.is_dir():
            yield from _walk_folder(root, seen)
        else:
            yield from _file(root)


def _walk_folder(folder: Path, seen: set[tuple[int, int]]) -> Iterator[FoundFile]:
    pending = [folder]
    while pending:
        here = pending.pop()
        if not _is_new(here, seen):
            continue
        try:
            with os.scandir(here) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError:  # no permission, or gone meanwhile: its files are not seen
            continue
        below: list[Path] = []
        for entry in entries:
            if entry.name.startswith(".") or entry.name.lower() in _NOT_OURS:
                continue
            path = Path(entry.path)
            if path.is_dir():  # of a link that leads to itself, False; entry's raises
                below.append(path)
            elif path.suffix.lower() in EXTENSIONS and (
                not path.is_symlink() or _is_new(path, seen)
            ):
                yield from _file(path)
        pending.extend(reversed(below))


def _is_new(path: Path, seen: set[tuple[int, int]]) -> bool:
    """Whether what a path leads to was not seen yet; from now on it was."""
    try:
        stat = path.stat()
    except OSError:
        return False
    identity = (stat.st_dev, stat.st_ino)
    if identity in seen:
        return False
    seen.add(identity)
    return True


def _file(path: Path) -> Iterator[FoundFile]:
    try:
        stat = path.stat()
    except OSError:
        return
    if path.is_file():
        # Some file systems keep dates that no 64 bits of nanoseconds hold.
        modified_ns = max(-_LATEST_NS, min(stat.st_mtime_ns, _LATEST_NS))
        yield FoundFile(path, stat.st_size, modified_ns)
