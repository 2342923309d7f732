"""``ambience duplicates``: lists groups of images that are the same picture."""

import argparse
from typing import Any

from ambience.catalog import ImageRecord
from ambience.cli.options import settings_from
from ambience.cli.output import AnswerConsole, print_json
from ambience.cli.terminal_text import shown
from ambience.core.errors import BadParameterError
from ambience.core.features import ImageId
from ambience.gateway.routes.schemas import claim_answer, image_answer
from ambience.library.system import System
from ambience.search.duplicates import DuplicateFinder, DuplicateGroup

_MAX_RADIUS = 96  # beyond, unrelated images begin to form chains


def run(options: argparse.Namespace) -> int:
    """Find the groups and print them."""
    if not 0 <= options.radius <= _MAX_RADIUS:
        raise BadParameterError(f"--radius must be between 0 and {_MAX_RADIUS}")
    with System.open(settings_from(options), to_write=False) as system:
        finder = DuplicateFinder(
            system.parts.services,
            system.parts.catalog,
            system.parts.searcher.calibration,
        )
        groups = finder.groups(radius=options.radius, turned=options.turned)
        ids = [match.image_id for group in groups for match in group.others]
        records = {r.image_id: r for r in system.parts.catalog.find(ids)}
        if options.json:
            print_json([_json(group) for group in groups])
        else:
            _print(groups, records)
    return 0


def _json(group: DuplicateGroup) -> dict[str, Any]:
    return {
        "keeper": image_answer(group.keeper).model_dump(mode="json"),
        "others": [claim_answer(match).model_dump() for match in group.others],
    }


def _print(groups: list[DuplicateGroup], records: dict[ImageId, ImageRecord]) -> None:
    console = AnswerConsole(highlight=False, soft_wrap=True)
    if not groups:
        console.print("no duplicates")
        return
    spare = sum(len(group.others) for group in groups)
    console.print(
        f"{_count(len(groups), 'group')}, {_count(spare, 'image')} that could go"
    )
    for group in groups:
        console.print(f"\nkeep {_line(group.keeper)}")
        for match in group.others:
            line = _line(records[match.image_id])
            console.print(f"     {line}: {match.summary}")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _line(record: ImageRecord) -> str:
    height, width = record.size
    where = "uploaded" if record.path is None else shown(record.path)
    return f"{record.image_id}  {width} x {height}  {record.byte_count} bytes  {where}"
