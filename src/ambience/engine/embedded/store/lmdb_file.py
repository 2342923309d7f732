"""Checks a store's file before LMDB opens it, because damage would crash the process.

LMDB trusts its file. A missing page ends the process with SIGBUS, an invalid one with
SIGABRT. So the file is checked in Python first, unless nothing has touched it since it
was last closed in order. Damage that happens while LMDB has the file open can't be
prevented; the next start then finds no note of an orderly end, and checks the file.
"""

import json
import os
import struct
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lmdb
from lmdb import verify

# LMDB may count a few pages that it never wrote, because they were free again before
# the change that took them ended. If more (16 MiB) are missing, the file was cut off.
_MOST_UNWRITTEN = 2**12

# The errors that LMDB and we raise for bytes that make no sense.
DAMAGE = (
    lmdb.BadTxnError,
    lmdb.BadValsizeError,
    lmdb.CorruptedError,
    lmdb.CursorFullError,
    lmdb.IncompatibleError,
    lmdb.InvalidError,
    lmdb.PageFullError,
    lmdb.PageNotFoundError,
    lmdb.PanicError,
    lmdb.VersionMismatchError,
    struct.error,
    verify.VerifyError,
)

_MAGIC = 0xBEEFC0DE
_HEADERS = (16, 24)  # bytes of a page header in LMDB 0.9 and 1.0
_PAGE_BYTES = range(256, 2**16 + 1)
_IS_META = 0x08
_ORDER = "<" if sys.byteorder == "little" else ">"  # the machine's own, as LMDB's
# Magic number, version, address, map size; then the database of free pages, which
# starts with the page size, and the main database; the last page; the transaction.
_META = struct.Struct(f"{_ORDER}IIQQI44x48xQQ")


@dataclass(frozen=True, slots=True)
class Header:
    """The newer of a file's two headers.

    Attributes:
        page_bytes: Size of a page.
        pages: Number of pages that the file should have.
    """

    page_bytes: int
    pages: int


def header(path: Path) -> Header:
    """Return the header of a file that LMDB can open safely.

    Raises:
        VerifyError: If it is not an LMDB file, or its end is cut off.
        OSError: If it can't be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(_HEADERS[-1] + _META.size)
        first, page_bytes = _meta(start)
        file.seek(page_bytes)
        second, same = _meta(file.read(_HEADERS[-1] + _META.size))
    if page_bytes != same:
        raise verify.VerifyError("its two headers disagree")
    pages = max(first, second)[1] + 1
    if pages > size // page_bytes + _MOST_UNWRITTEN:
        raise verify.VerifyError(
            f"it has {size} of {pages * page_bytes} bytes: its end is cut off"
        )
    return Header(page_bytes, pages)


def complete(path: Path) -> None:
    """Extend a file to its full number of pages, so that LMDB never reads past its end.

    Pages that LMDB never wrote are free and stay free. For pages that were cut off,
    `problems` or a feature's checksum notices the zeros. Nobody else may write to the
    file meanwhile.

    Raises:
        VerifyError: As `header` does.
        OSError: If the file can't be written.
    """
    found = header(path)
    whole = found.pages * found.page_bytes
    if path.stat().st_size < whole:
        os.truncate(path, whole)


def problems(path: Path) -> list[str]:
    """Return what is wrong with the structure of a file, if anything.

    This takes 3 s for a million images with one small row each, and less than 1 s for
    2 GB of keypoints, because the content of large features is not read.
    """
    untyped: Any = verify.verify
    try:
        found: list[str] = untyped(str(path), subdir=False)
    except verify.VerifyError as error:
        return [str(error)]
    return found


def is_unchanged(path: Path) -> bool:
    """Return whether a file is unchanged since it was last closed in order."""
    try:
        noted: object = json.loads(_note(path).read_text("utf-8"))
        return noted == _state(path)
    except (FileNotFoundError, ValueError):
        return False


def note_closed(path: Path) -> None:
    """Note that a file was closed in order."""
    _note(path).write_text(json.dumps(_state(path)), "utf-8")


def distrust(path: Path) -> None:
    """Delete the note that a file was closed in order, so the next start checks it.

    This is also done when a file is opened: a process that is killed leaves no note.
    """
    _note(path).unlink(missing_ok=True)


def _state(path: Path) -> dict[str, int]:
    status = path.stat()
    return {
        "size": status.st_size,
        "modified_ns": status.st_mtime_ns,
        "changed_ns": status.st_ctime_ns,
    }


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}-left")


def _meta(page: bytes) -> tuple[tuple[int, int], int]:
    """Return the transaction and last page in a header page, and the size of a page."""
    for size in _HEADERS:
        if len(page) < size + _META.size:
            continue
        magic, _, _, _, page_bytes, last, txn = _META.unpack_from(page, size)
        (flags,) = struct.unpack_from(f"{_ORDER}H", page, size - 6)
        if magic == _MAGIC and flags & _IS_META:
            if page_bytes not in _PAGE_BYTES or page_bytes & (page_bytes - 1):
                raise verify.VerifyError(
                    f"its header gives pages of {page_bytes} bytes"
                )
            return (txn, last), page_bytes
    raise verify.VerifyError("it is not a feature store, or its beginning is damaged")
