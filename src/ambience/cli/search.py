"""``ambience search``: finds an image's originals, copies and likes from the shell."""

import argparse

from rich.console import Console
from rich.table import Table

from ambience.catalog import ImageRecord
from ambience.cli.output import print_json
from ambience.cli.system import System, settings_from
from ambience.core.errors import BadParameterError
from ambience.core.features import ImageId
from ambience.core.matches import FusedMatch
from ambience.fusion import summary
from ambience.gateway.reverse_search import ReverseSearch
from ambience.gateway.schemas import reverse_search_answer
from ambience.imaging import ImageFile
from ambience.web.schemas import MAX_K


def run(options: argparse.Namespace) -> int:
    """Search, and print a table or JSON."""
    if not 1 <= options.k <= MAX_K:
        raise BadParameterError(f"-k must be between 1 and {MAX_K}")
    try:
        data = options.image.read_bytes()
    except OSError as error:
        raise BadParameterError(
            f"{options.image} can't be read: {error.strerror}"
        ) from error
    with System.open(settings_from(options)) as system:
        system.parts.limits.check_bytes(len(data))
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
            _print(found, records)
    return 0


def _print(found: ReverseSearch, records: dict[ImageId, ImageRecord]) -> None:
    console = Console()
    for name, reason in found.unavailable.items():
        console.print(f"{name} is not available: {reason}", style="yellow")
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
    return str(match.image_id), f"{match.score:.3f}", summary(match), where
