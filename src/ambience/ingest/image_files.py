"""Opens the files of images, provided that they still match the catalog."""

import errno
import hashlib
import os
import time
from collections import OrderedDict
from threading import Lock
from typing import BinaryIO, TypeAlias

from ambience.catalog import ImageRecord
from ambience.core.errors import AmbienceError, CorruptDataError, NotFoundError
from ambience.imaging import Limits
from ambience.ingest import Originals
from ambience.ingest.regular_files import open_regular

_GONE = frozenset({errno.ENOENT, errno.ENOTDIR})
# These say nothing about the file: the process is short of resources.
_OURS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM})

_CHUNK_BYTES = 2**20
_REMEMBERED = 4096  # files whose hash is known; some 300 bytes each
# Dates don't show a change within the same tick of a file system's clock; the coarsest
# clock, FAT's, ticks every two seconds.
_AT_REST_NS = 2_500_000_000

_Identity: TypeAlias = tuple[int, int, int, int, int]


class ImageFiles:
    """The files of images, the user's and ours.

    Content is read from the very file that was compared, even if it is replaced
    meanwhile. After that, a file is not hashed again until its dates change; but `read`
    always verifies what it returns.

    Args:
        originals: Knows where files are.
        limits: How many bytes may be read into memory.
    """

    def __init__(self, originals: Originals, *, limits: Limits) -> None:
        self._originals = originals
        self._limits = limits
        self._hashes: OrderedDict[_Identity, bytes] = OrderedDict()
        self._lock = Lock()

    def open(self, record: ImageRecord) -> BinaryIO:
        """Open the file of an image; the caller closes it.

        Raises:
            NotFoundError: If it was not kept, is gone, can't be read, or is a file of
                the user's that has changed.
            CorruptDataError: If it is our own copy, and damaged.
        """
        file = self._opened(record)
        try:
            same = self._holds(file, record)
            file.seek(0)
        except OSError as error:
            file.close()
            raise _unreadable(record, error) from error
        if not same:
            file.close()
            raise _changed(record)
        return file

    def read(self, record: ImageRecord) -> bytes:
        """Return the bytes of an image's file.

        Raises:
            NotFoundError: See `open`.
            CorruptDataError: See `open`.
            TooLargeError: If the file has more bytes than allowed.
        """
        with self._opened(record) as file:
            try:
                size = os.fstat(file.fileno()).st_size
                if size != record.byte_count:
                    raise _changed(record)
                self._limits.check_bytes(size)
                data = file.read(size)
            except OSError as error:
                raise _unreadable(record, error) from error
        if hashlib.sha256(data).digest() != record.sha256:
            raise _changed(record)
        return data

    def _opened(self, record: ImageRecord) -> BinaryIO:
        path = self._originals.file_of(record)
        if path is None:
            raise NotFoundError(
                f"the file of image {record.image_id} was not kept, only its features"
            )
        try:
            # The user may have links; in our own folder there are none.
            return open_regular(path, follow=record.path is not None)
        except OSError as error:
            raise _unreadable(record, error) from error

    def _holds(self, file: BinaryIO, record: ImageRecord) -> bool:
        """Tell whether an open file matches the catalog."""
        status = os.fstat(file.fileno())
        return (
            status.st_size == record.byte_count
            and self._sha256(file, status) == record.sha256
        )

    def _sha256(self, file: BinaryIO, status: os.stat_result) -> bytes:
        identity = (
            *(status.st_dev, status.st_ino, status.st_size),
            *(status.st_mtime_ns, status.st_ctime_ns),
        )
        with self._lock:
            if identity in self._hashes:
                self._hashes.move_to_end(identity)
                return self._hashes[identity]
        hashing = hashlib.sha256()
        while chunk := file.read(_CHUNK_BYTES):
            hashing.update(chunk)
        sha256 = hashing.digest()
        changed_ns = max(status.st_mtime_ns, status.st_ctime_ns)
        if time.time_ns() - changed_ns > _AT_REST_NS:
            with self._lock:
                self._hashes[identity] = sha256
                if len(self._hashes) > _REMEMBERED:
                    self._hashes.popitem(last=False)
        return sha256


def _changed(record: ImageRecord) -> AmbienceError:
    if record.path is None:
        return CorruptDataError(
            f"our copy of image {record.image_id} is damaged: restore it from a "
            "backup, or send the image again"
        )
    return NotFoundError(
        f"the file of image {record.image_id}, {record.path}, has changed since it was "
        "imported: import its folder again"
    )


def _unreadable(record: ImageRecord, error: OSError) -> Exception:
    """Return the error to raise when an image's file can't be opened or read."""
    if error.errno in _OURS:
        return error
    what = f"the file of image {record.image_id}"
    if error.errno in _GONE:
        where = "there" if record.path is None else f"at {record.path}"
        return NotFoundError(f"{what} is no longer {where}")
    where = "" if record.path is None else f", {record.path},"
    return NotFoundError(f"{what}{where} can't be read: {error.strerror or error}")
