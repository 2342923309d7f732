"""Parses, calls, and turns errors into one line and an exit code."""

import errno
import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper

from ambience.cli.parser import build_parser
from ambience.cli.terminal_text import ShownFormatter, shown
from ambience.core.errors import AmbienceError
from ambience.core.shortage import is_shortage

# A command's module is imported when it is called: ``--help`` loads nothing heavy.
_COMMANDS = {
    "serve": "ambience.cli.serve",
    "import": "ambience.cli.importing",
    "search": "ambience.cli.search",
    "duplicates": "ambience.cli.duplicates",
    "rebuild": "ambience.cli.rebuild",
    "train": "ambience.cli.training",
    "check": "ambience.cli.check",
}

_ENVIRONMENT = {
    # Read by NumPy when it loads. Images are worked on in parallel; were each small
    # matrix product split over all processors as well, they would wait for each other
    # (15 times slower hashes with two processors busy).
    "OPENBLAS_NUM_THREADS": "1",
    # Read by Pillow when it loads. Blocks of more than 32 MiB go back to the system at
    # once; of its usual ones of 16, glibc would keep a large image's for each thread.
    "PILLOW_BLOCK_SIZE": "64m",
}

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}

FAILED = 1
STOPPED = 130  # what shells answer for Ctrl-C
UNREAD = 141  # and for a program whose output nobody reads any more


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = build_parser().parse_args(argv)
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if isinstance(sys.stdout, TextIOWrapper):
        # A file's name that is no text is shown with its odd bytes spelt out.
        sys.stdout.reconfigure(errors="backslashreplace")
    if logging.lastResort is not None:  # writes what a command without a log logs
        logging.lastResort.setFormatter(ShownFormatter())
    command = import_module(_COMMANDS[options.command])
    try:
        code = int(command.run(options))
        sys.stdout.flush()  # while errors can still be told
    except AmbienceError as error:
        print(f"ambience: {shown(error)}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        # As in `ambience search ... | head`. What is left unsaid would fail once more
        # at exit: see "Note on SIGPIPE" in Python's page about signals.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    except OSError as error:
        print(f"ambience: {shown(error)}{_hint(error)}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return STOPPED
    return code


def _hint(error: OSError) -> str:
    """Return what to do about an error of the system, where that is known."""
    if error.errno in _NO_ROOM:
        return ": see whether the disk is full or read-only"
    if is_shortage(error):
        return ": raise the limit of file descriptors (ulimit -n)"
    return ""
