"""The entry point: parses options, runs a command, and reports errors."""

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
from ambience.core.file_descriptors import is_shortage

# A command's module is imported only when it runs, so that ``--help`` is fast.
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
    # Read by NumPy when it loads. Images are already processed in parallel. If each
    # small matrix product were split over all processors too, they would wait for each
    # other (with two busy processors, hashing is 15 times slower).
    "OPENBLAS_NUM_THREADS": "1",
    # Read by Pillow when it loads. Blocks of more than 32 MiB are returned to the
    # system at once; of the default 16 MiB, glibc would keep many for each thread.
    "PILLOW_BLOCK_SIZE": "64m",
}

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG}

FAILED = 1
STOPPED = 130  # what shells return for Ctrl-C
UNREAD = 141  # what they return if nobody reads the output any more


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = build_parser().parse_args(argv)
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if isinstance(sys.stdout, TextIOWrapper):
        # File names that are not text are shown with escaped bytes.
        sys.stdout.reconfigure(errors="backslashreplace")
    if logging.lastResort is not None:  # used by commands without a log of their own
        logging.lastResort.setFormatter(ShownFormatter())
    command = import_module(_COMMANDS[options.command])
    try:
        code = int(command.run(options))
        sys.stdout.flush()  # while errors can still be reported
    except AmbienceError as error:
        print(f"ambience: {shown(error)}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        # As in `ambience search ... | head`. Buffered output would fail again at exit:
        # see "Note on SIGPIPE" in the documentation of Python's signal module.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    except OSError as error:
        print(f"ambience: {shown(error)}{_hint(error)}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return STOPPED
    return code


def _hint(error: OSError) -> str:
    """Return what to do about an error of the system, if that is known."""
    if error.errno in _NO_ROOM:
        return ": check whether the disk is full or read-only"
    if is_shortage(error):
        return ": raise the limit of file descriptors (ulimit -n)"
    return ""
