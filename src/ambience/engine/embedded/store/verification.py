"""Makes sure that LMDB can follow a store's file before it is allowed to.

LMDB trusts its file. One that was cut, or has nonsense where a page should be, ends the
whole process: by SIGBUS where a page is not there, by SIGABRT where it is no page. So
the file is first walked in Python, which can't be ended so, unless nothing has touched
it since it was closed in order. What is cut or overwritten later, while LMDB has the
file in memory, nobody can hold off; the next start finds no mark of an orderly end, and
walks the file.
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

# Pages that LMDB counts and may not have written, as they were free again before the
# change that took them ended: a few. More than this (16 MiB) were cut off.
_MOST_UNWRITTEN = 2**12

# What LMDB and we stumble over where the bytes make no sense.
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
_HEADERS = (16, 24)  # bytes of a page's header, in LMDB 0.9 and 1.0
_PAGE_BYTES = range(256, 2**16 + 1)
_IS_META = 0x08
_ORDER = "<" if sys.byteorder == "little" else ">"  # LMDB writes the machine's own
# Magic, version, address, size of the map; then the databases of free pages and of
# all others, where the first begins with the size of a page; the last page; the
# transaction.
_META = struct.Struct(f"{_ORDER}IIQQI44x48xQQ")


@dataclass(frozen=True, slots=True)
class Header:
    """What the newest of a file's two headers says.

    Attributes:
        page_bytes: Of each page.
        pages: How many the file should have.
    """

    page_bytes: int
    pages: int


def header(path: Path) -> Header:
    """Return what a file says of itself; LMDB is safe to open it.

    Raises:
        VerifyError: If it is no LMDB file, or much of it is cut off.
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
            f"it has {size} bytes of {pages * page_bytes}: its end is cut off"
        )
    return Header(page_bytes, pages)


def complete(path: Path) -> None:
    """Give a file all the pages that it counts, so that none is looked for in vain.

    Where LMDB never wrote them they are free, and stay so; where they were cut off,
    their zeros are found by `walk`, or by a feature's checksum. To be called while
    nobody writes to it.

    Raises:
        VerifyError: As `header` does.
        OSError: If the file can't be written to.
    """
    found = header(path)
    whole = found.pages * found.page_bytes
    if path.stat().st_size < whole:
        os.truncate(path, whole)


def walk(path: Path) -> list[str]:
    """Return what is wrong with a file's pages, nothing for a sound one.

    Takes some 3 s for a million images with one small row each, and less than 1 s for
    2 GB of keypoints, which are large: only what LMDB follows is read.
    """
    untyped: Any = verify.verify
    try:
        problems: list[str] = untyped(str(path), subdir=False)
    except verify.VerifyError as error:
        return [str(error)]
    return problems


def is_as_left(path: Path) -> bool:
    """Whether a file is as the last who used it left it, in order."""
    try:
        left: object = json.loads(_mark(path).read_text("utf-8"))
        return left == _state(path)
    except (FileNotFoundError, ValueError):
        return False


def leave(path: Path) -> None:
    """Put down that a file was closed in order."""
    _mark(path).write_text(json.dumps(_state(path)), "utf-8")


def distrust(path: Path) -> None:
    """See to it that a file is walked when it is opened next, unless it is left again.

    Also done while it is in use: who does not leave it was ended by force.
    """
    _mark(path).unlink(missing_ok=True)


def _state(path: Path) -> dict[str, int]:
    found = path.stat()
    return {
        "size": found.st_size,
        "modified_ns": found.st_mtime_ns,
        "changed_ns": found.st_ctime_ns,
    }


def _mark(path: Path) -> Path:
    return path.with_name(f"{path.name}-left")


def _meta(page: bytes) -> tuple[tuple[int, int], int]:
    """Return a header page's transaction and last page, and how large pages are."""
    for size in _HEADERS:
        if len(page) < size + _META.size:
            continue
        magic, _, _, _, page_bytes, last, txn = _META.unpack_from(page, size)
        (flags,) = struct.unpack_from(f"{_ORDER}H", page, size - 6)
        if magic == _MAGIC and flags & _IS_META:
            if page_bytes not in _PAGE_BYTES or page_bytes & (page_bytes - 1):
                raise verify.VerifyError(f"it claims pages of {page_bytes} bytes")
            return (txn, last), page_bytes
    raise verify.VerifyError("it does not begin like a store, or is cut off")
