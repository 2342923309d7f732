"""The commands and options of the command line."""

import argparse
from pathlib import Path
from typing import NoReturn

from ambience import __version__
from ambience.cli.terminal_text import shown


class _Parser(argparse.ArgumentParser):
    """A parser whose errors repeat no control characters from the arguments."""

    def error(self, message: str) -> NoReturn:
        """Print an error and exit."""
        super().error(shown(message))


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of ``ambience``."""
    parser: argparse.ArgumentParser = _Parser(
        prog="ambience",
        description="Find the original of any image, with proof of why it matches.",
        parents=[_shared_options()],
    )
    parser.add_argument(
        "--version", action="version", version=f"ambience {__version__}"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    # Options left out after the command's name must not undo those before it.
    shared = _shared_options(default=argparse.SUPPRESS)
    _add_serve(commands, shared)
    _add_import(commands, shared)
    _add_search(commands, shared)
    _add_duplicates(commands, shared)
    _add_rebuild(commands, shared)
    _add_train(commands, shared)
    _add_check(commands, shared)
    return parser


def _shared_options(*, default: str | None = None) -> argparse.ArgumentParser:
    """Return the options allowed both before and after the command's name."""
    shared = argparse.ArgumentParser(add_help=False, argument_default=default)
    shared.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="the data folder, the only one that ambience writes to (default: the "
        "platform's own)",
    )
    shared.add_argument(
        "--json", action="store_true", help="print JSON, for other programs"
    )
    return shared


def _add_serve(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    shared: argparse.ArgumentParser,
) -> None:
    command = commands.add_parser(
        "serve",
        parents=[shared],
        help="serve search and the gallery, or single services",
        description="Serve everything on one port, or only the named services.",
    )
    command.add_argument(
        "services",
        nargs="*",
        metavar="SERVICE",
        help="only these services, without the gateway and the gallery",
    )
    command.add_argument(
        "--host", help="address to serve on (default: 127.0.0.1, this machine only)"
    )
    command.add_argument(
        "--port",
        type=int,
        help="port to serve on (default: 44444; 0 for any free port)",
    )
    command.add_argument(
        "--import",
        dest="folders",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="import this folder first, in the background; may be repeated",
    )
    command.add_argument(
        "--samples",
        action="store_true",
        help="serve a small library of sample photographs, separate from yours",
    )


def _add_import(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    shared: argparse.ArgumentParser,
) -> None:
    command = commands.add_parser(
        "import",
        parents=[shared],
        help="add images and folders",
        description=(
            "Add images and folders. Your files are read, never changed, and unchanged "
            "files are skipped. An import can be stopped at any time, and continues "
            "when it is run again."
        ),
    )
    command.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    command.add_argument(
        "--again",
        action="store_true",
        help="also add images again that were deleted from ambience",
    )


def _add_search(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    shared: argparse.ArgumentParser,
) -> None:
    command = commands.add_parser(
        "search",
        parents=[shared],
        help="find the originals and copies of an image, and similar images",
    )
    command.add_argument(
        "image",
        nargs="?",
        metavar="IMAGE",
        help="a file, or the address of an image on the internet",
    )
    command.add_argument(
        "--id",
        type=int,
        dest="image_id",
        metavar="N",
        help="search with an image of the library; it is left out of the answer",
    )
    command.add_argument(
        "--region",
        metavar="X,Y,WIDTH,HEIGHT",
        help="search with this part of the image, in pixels",
    )
    command.add_argument(
        "--min-score",
        type=float,
        metavar="SCORE",
        help="the lowest probability of a match, 0 to 1 (default: 0.5)",
    )
    command.add_argument(
        "-k", type=int, default=20, help="the largest number of matches (default: 20)"
    )
    command.add_argument(
        "--service",
        action="append",
        default=[],
        metavar="NAME",
        help="ask only this service; may be repeated",
    )


def _add_duplicates(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    shared: argparse.ArgumentParser,
) -> None:
    command = commands.add_parser(
        "duplicates",
        parents=[shared],
        help="list groups of images that are the same picture",
        description=(
            "List groups of images that are the same picture, each with the best one "
            "to keep. Looks through the library, or through folders, which are only "
            "read. Nothing is deleted."
        ),
    )
    command.add_argument(
        "folders",
        nargs="*",
        type=Path,
        metavar="FOLDER",
        help="look through these folders and files instead of the library",
    )
    command.add_argument(
        "--parts",
        action="store_true",
        help="also find crops, and images that contain others; takes much longer",
    )
    command.add_argument(
        "--radius",
        type=int,
        default=64,
        help="how many of the 576 bits of the hash may differ (default: 64)",
    )
    command.add_argument(
        "--turned",
        action="store_true",
        help=(
            "also find mirrored and turned copies in the library, which takes eight "
            "times as long; in folders, they are always found"
        ),
    )


def _add_rebuild(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    shared: argparse.ArgumentParser,
) -> None:
    command = commands.add_parser(
        "rebuild",
        parents=[shared],
        help="rebuild a service's index, and extract missing or outdated features",
    )
    command.add_argument("service", metavar="SERVICE")


def _add_train(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    shared: argparse.ArgumentParser,
) -> None:
    command = commands.add_parser(
        "train",
        parents=[shared],
        help="fit a service's index, or the scores, to your library",
    )
    command.add_argument(
        "service", metavar="SERVICE", help="a service, or `fusion` for the scores"
    )
    command.add_argument(
        "--accept",
        action="store_true",
        help="with `fusion`: use the new scores even if they find less",
    )


def _add_check(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    shared: argparse.ArgumentParser,
) -> None:
    command = commands.add_parser(
        "check",
        parents=[shared],
        help="compare the catalog with services and files",
        description=(
            "Compare the catalog with each service and with the files. The exit code "
            "is 1 if they differ. This works while a server runs."
        ),
    )
    command.add_argument(
        "--repair",
        action="store_true",
        help="add what services are missing, and repair everything else that can be",
    )
    command.add_argument(
        "--share",
        type=_share,
        default=1.0,
        metavar="SHARE",
        help=(
            "read only this share of all bytes, 0 to 1, and continue there the next "
            "time (default: 1, all of them)"
        ),
    )
    command.add_argument(
        "--unknown",
        choices=("keep", "forget"),
        help=(
            "what to do with images that services have but the catalog does not: keep "
            "them, as added to single services, or remove them from the services"
        ),
    )


def _share(text: str) -> float:
    share = float(text)
    if not 0 <= share <= 1:
        raise argparse.ArgumentTypeError("give a number from 0 to 1")
    return share
