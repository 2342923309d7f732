"""Opens files without waiting for pipes or reading devices."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from ambience.imaging import Limits

# Otherwise, opening a pipe would wait until somebody writes to it.
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)


def open_regular(path: Path, *, follow: bool = True) -> BinaryIO:
    """Open a file for reading; the file that is checked is the one that is opened.

    Args:
        path: The file.
        follow: Whether it may be a symbolic link. Ours never are; the user's may be.

    Raises:
        OSError: If it can't be opened, or is a folder, a pipe, a socket or a device.
    """
    number = os.open(path, _FLAGS if follow else _FLAGS | _NO_FOLLOW)
    if stat.S_ISREG(os.fstat(number).st_mode):
        return os.fdopen(number, "rb")
    os.close(number)
    raise OSError(errno.EINVAL, "it is not a regular file", str(path))


def read_regular(path: Path, *, limits: Limits, follow: bool = True) -> bytes:
    """Return the content of a file; no more than the limits allow is read.

    Args:
        path: The file.
        limits: How many bytes it may have.
        follow: See `open_regular`.

    Raises:
        OSError: See `open_regular`; or if it can't be read.
        TooLargeError: If it has more bytes than allowed.
    """
    with open_regular(path, follow=follow) as file:
        limits.check_bytes(os.fstat(file.fileno()).st_size)
        data = file.read(limits.max_bytes + 1)  # it may have grown since
    limits.check_bytes(len(data))
    return data
