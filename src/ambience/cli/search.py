"""``ambience search``: finds the originals and copies of an image from the shell."""

import argparse

from ambience.cli.options import settings_from
from ambience.cli.output import AnswerConsole, print_json
from ambience.cli.tables import print_entries
from ambience.cli.terminal_text import shown
from ambience.core.errors import BadParameterError
from ambience.core.matches import score_text
from ambience.core.region import Region
from ambience.fusion import MIN_SCORE
from ambience.library.answers import LibraryMatch, SearchResult
from ambience.library.library import Library


def run(options: argparse.Namespace) -> int:
    """Search, and print a table or JSON."""
    if (options.image is None) == (options.image_id is None):
        raise BadParameterError("name an image to search with, or give an --id")
    query = options.image_id if options.image is None else options.image
    region = None if options.region is None else Region.parse(options.region)
    min_score = MIN_SCORE if options.min_score is None else options.min_score
    with Library.of(settings_from(options)) as library:
        result = library.search(
            query,
            k=options.k,
            region=region,
            services=options.service,
            min_score=min_score,
        )
        if options.json:
            # As the gateway answers; its web framework is only loaded for this.
            from ambience.gateway.routes.schemas import reverse_search_answer

            print_json(reverse_search_answer(result.found).model_dump(mode="json"))
        else:
            _print(result, known=len(library))
    return 0


def _print(result: SearchResult, *, known: int) -> None:
    console = AnswerConsole()
    for name, reason in result.unavailable.items():
        console.print(shown(f"{name} is not available: {reason}"), style="yellow")
    if not known:
        console.print("there are no images yet: run `ambience import FOLDER`")
        return
    if not result.matches:
        console.print("no matches")
        for note in result.notes:
            console.print(shown(note))
        return
    rows = [_row(match) for match in result]
    print_entries(console, [rows], headings=("id", "score", "why", "where"))


def _row(match: LibraryMatch) -> tuple[str, ...]:
    where = ""
    if match.image is not None and match.path is not None:
        missing = " (missing)" if match.image.record.missing else ""
        where = f"{shown(match.path)}{missing}"
    return str(match.image_id), score_text(match.score), match.summary, where
