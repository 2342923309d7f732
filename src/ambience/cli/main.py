"""Parses, calls, and turns errors into one line and an exit code."""

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper

from ambience.cli.parser import build_parser
from ambience.core.errors import AmbienceError

# A command's module is imported when it is called: ``--help`` loads nothing heavy.
_COMMANDS = {
    "serve": "ambience.cli.serve",
    "import": "ambience.cli.importing",
    "search": "ambience.cli.search",
    "duplicates": "ambience.cli.duplicates",
    "rebuild": "ambience.cli.rebuild",
}

# Read by NumPy when it loads. Images are worked on in parallel; were each small matrix
# product split over all processors as well, they would wait for each other (15 times
# slower hashes with two processors busy).
_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1"}

FAILED = 1
STOPPED = 130  # what shells answer for Ctrl-C


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    options = build_parser().parse_args(argv)
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if isinstance(sys.stdout, TextIOWrapper):
        # A file's name that is no text is shown with its odd bytes spelt out.
        sys.stdout.reconfigure(errors="backslashreplace")
    command = import_module(_COMMANDS[options.command])
    try:
        return int(command.run(options))
    except AmbienceError as error:
        print(f"ambience: {error}", file=sys.stderr)
        return FAILED
    except OSError as error:
        print(
            f"ambience: {error}: see whether the disk is full or read-only",
            file=sys.stderr,
        )
        return FAILED
    except KeyboardInterrupt:
        return STOPPED
