"""Recognizes errors that mean the process has run out of file descriptors."""

import errno
import os
from typing import Final

NO_DESCRIPTORS: Final = (
    "the server has no file descriptors left: try again in a moment; if it lasts, "
    "raise the limit (ulimit -n, or LimitNOFILE= of systemd)"
)

_NUMBERS: Final = frozenset({errno.EMFILE, errno.ENFILE})
# Libraries that raise errors of their own keep only the system's message.
_SENTENCES: Final = tuple(os.strerror(number) for number in _NUMBERS)


def is_shortage(error: BaseException | None) -> bool:
    """Return whether an error, or one of its causes, is a lack of file descriptors."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, OSError) and error.errno in _NUMBERS:
            return True
        if any(sentence in str(error) for sentence in _SENTENCES):
            return True
        error = error.__cause__ or error.__context__
    return False


def descriptors_are_gone() -> bool:
    """Return whether no file can be opened now, for libraries that don't say why."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in _NUMBERS
    return False
