"""``ambience search``: finds an image's originals, copies and likes from the shell."""

import argparse
import errno
from decimal import ROUND_DOWN, Decimal
from pathlib import Path

from rich.table import Table

from ambience.catalog import ImageRecord
from ambience.cli.output import AnswerConsole, print_json
from ambience.cli.system import System, limits_from, settings_from
from ambience.core.errors import BadParameterError
from ambience.core.features import ImageId
from ambience.core.matches import FusedMatch
from ambience.fusion import summary
from ambience.gateway.reverse_search import ReverseSearch
from ambience.gateway.schemas import reverse_search_answer
from ambience.imaging import ImageFile, Limits
from ambience.web.schemas import MAX_K

# What names that are no paths fail with: words, and long sentences.
_NO_PATH = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL}
_SHOWN = Decimal("0.001")  # steps of a score


def run(options: argparse.Namespace) -> int:
    """Search, and print a table or JSON."""
    if not 1 <= options.k <= MAX_K:
        raise BadParameterError(f"-k must be between 1 and {MAX_K}")
    settings = settings_from(options)
    data = _read(options.image, limits_from(settings))
    with System.open(settings) as system:
        found = system.parts.searcher.search(
            ImageFile(data, limits=system.parts.limits),
            k=options.k,
            services=options.service,
        )
        if options.json:
            print_json(reverse_search_answer(found).model_dump(mode="json"))
        else:
            ids = [match.image_id for match in found.matches]
            records = {
                record.image_id: record for record in system.parts.catalog.find(ids)
            }
            _print(found, records, known=len(system.parts.catalog))
    return 0


def _read(path: Path, limits: Limits) -> bytes:
    """Return the content of a file that is within the limits.

    Raises:
        TooLargeError: More bytes than the limits allow; no more than those are read.
        BadParameterError: There is no such file, or it can't be read.
    """
    try:
        limits.check_bytes(path.stat().st_size)
        with path.open("rb") as file:  # a pipe has no size, and a file may grow
            data = file.read(limits.max_bytes + 1)
    except OSError as error:
        if error.errno in _NO_PATH:
            raise BadParameterError(
                f"{path} is not a file: name an image; searching by words is not "
                "possible yet with the services there are"
            ) from error
        raise BadParameterError(f"{path} can't be read: {error.strerror}") from error
    limits.check_bytes(len(data))
    return data


def _print(
    found: ReverseSearch, records: dict[ImageId, ImageRecord], *, known: int
) -> None:
    console = AnswerConsole()
    for name, reason in found.unavailable.items():
        console.print(f"{name} is not available: {reason}", style="yellow")
    if not known:
        console.print("there are no images yet: run `ambience import FOLDER`")
        return
    if not found.matches:
        console.print("nothing like it here")
        notes = {said.answer.note for said in found.services.values()}
        for note in sorted(notes - {""}):
            console.print(note)
        return
    table = Table(box=None)
    for heading in ("id", "score", "why", "where"):
        table.add_column(heading, overflow="fold")
    for match in found.matches:
        table.add_row(*_row(match, records.get(match.image_id)))
    console.print(table)


def _row(match: FusedMatch, record: ImageRecord | None) -> tuple[str, ...]:
    where = ""
    if record is not None and record.path is not None:
        where = f"{record.path}{' (missing)' if record.missing else ''}"
    return str(match.image_id), _shown(match.score), summary(match), where


def _shown(score: float) -> str:
    """Return a score rounded down: only what is certain is shown as 1."""
    return str(Decimal(str(score)).quantize(_SHOWN, ROUND_DOWN))
