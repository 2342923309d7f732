"""``ambience search``: finds an image's originals, copies and likes from the shell."""

import argparse
import asyncio
import errno
from decimal import ROUND_DOWN, Decimal
from pathlib import Path

from rich.table import Table

from ambience.catalog import ImageRecord
from ambience.cli.options import settings_from
from ambience.cli.output import AnswerConsole, print_json
from ambience.cli.terminal_text import shown
from ambience.core.errors import BadParameterError
from ambience.core.features import MAX_IMAGE_ID, ImageId
from ambience.core.matches import FusedMatch
from ambience.core.region import Region
from ambience.core.settings import Settings
from ambience.fusion import MIN_SCORE, summary
from ambience.gateway.routes.schemas import reverse_search_answer
from ambience.imaging import ImageFile, Limits
from ambience.library.system import System, fetcher_from, limits_from
from ambience.search.questions import ById, ByImage, Query
from ambience.search.reverse_search import ReverseSearch
from ambience.web.schemas import MAX_K

# What names that are no paths fail with: words, and long sentences.
_NO_PATH = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.EINVAL}
_ADDRESS = ("http://", "https://")
_SHOWN = Decimal("0.001")  # steps of a score


def run(options: argparse.Namespace) -> int:
    """Search, and print a table or JSON."""
    if not 1 <= options.k <= MAX_K:
        raise BadParameterError(f"-k must be between 1 and {MAX_K}")
    min_score = MIN_SCORE if options.min_score is None else options.min_score
    if not 0 <= min_score <= 1:
        raise BadParameterError("--min-score must be between 0 and 1")
    settings = settings_from(options)
    query = _query(options, settings)
    with System.open(settings, to_write=False) as system:
        found = system.parts.searcher.search(
            query, k=options.k, services=options.service, min_score=min_score
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


def _query(options: argparse.Namespace, settings: Settings) -> Query:
    """Return what to search with, read or fetched."""
    region = None if options.region is None else Region.parse(options.region)
    match options.image, options.image_id:
        case None, int(image_id):
            if not 0 <= image_id <= MAX_IMAGE_ID:
                raise BadParameterError(f"--id must be between 0 and {MAX_IMAGE_ID}")
            return ById(ImageId(image_id), region)
        case str(image), None:
            limits = limits_from(settings)
            if image.lower().startswith(_ADDRESS):
                data = _fetch(image, settings)
            else:
                data = _read(Path(image), limits)
            return ByImage(ImageFile(data, limits=limits), region)
    raise BadParameterError("name an image to search with, or give its --id")


def _fetch(address: str, settings: Settings) -> bytes:
    fetcher = fetcher_from(settings, alone=True)
    if fetcher is None:
        raise BadParameterError(
            "images are not fetched from the internet, as search_by_url.enabled is "
            "false: download it, and search with the file"
        )
    return asyncio.run(fetcher.fetch(address))


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
        console.print(shown(f"{name} is not available: {reason}"), style="yellow")
    if not known:
        console.print("there are no images yet: run `ambience import FOLDER`")
        return
    if not found.matches:
        console.print("nothing like it here")
        notes = {said.answer.note for said in found.services.values()}
        for note in sorted(notes - {""}):
            console.print(shown(note))
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
        where = f"{shown(record.path)}{' (missing)' if record.missing else ''}"
    return str(match.image_id), _shown(match.score), summary(match), where


def _shown(score: float) -> str:
    """Return a score rounded down: only what is certain is shown as 1."""
    return str(Decimal(str(score)).quantize(_SHOWN, ROUND_DOWN))
