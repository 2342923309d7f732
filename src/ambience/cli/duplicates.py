"""``ambience duplicates``: lists groups of images that are the same picture."""

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from ambience.cli.options import settings_from
from ambience.cli.output import (
    AnswerConsole,
    counted,
    failures_json,
    print_json,
    step_bars,
)
from ambience.cli.tables import people_size, print_entries
from ambience.cli.terminal_text import shown
from ambience.core.errors import BadParameterError
from ambience.core.matches import score_text
from ambience.core.settings import Settings
from ambience.library.settings_values import data_path, limits_from
from ambience.search.duplicate_groups import Duplicate, DuplicateGroup
from ambience.search.folder_duplicates import (
    FolderDuplicates,
    folder_duplicates,
)
from ambience.search.listed_image import ListedImage

_MAX_RADIUS = 96  # recompressed and recolored copies differ by no more


def run(options: argparse.Namespace) -> int:
    """Find the groups and print them."""
    if not 0 <= options.radius <= _MAX_RADIUS:
        raise BadParameterError(f"--radius must be between 0 and {_MAX_RADIUS}")
    settings = settings_from(options)
    if options.folders:
        return _run_folders(options, settings)
    groups = _library_groups(options, settings)
    if options.json:
        print_json([_json(group, in_library=True) for group in groups])
    else:
        _print(groups, in_library=True)
    return 0


def _run_folders(options: argparse.Namespace, settings: Settings) -> int:
    data = data_path(settings)
    with step_bars(quiet=options.json) as on_progress:
        found = folder_duplicates(
            options.folders,
            radius=options.radius,
            parts=options.parts,
            limits=limits_from(settings),
            leave_out=data,
            on_progress=on_progress,
        )
    if options.json:
        print_json(
            {
                "groups": [_json(group, in_library=False) for group in found.groups],
                "images": found.image_count,
                "failed": failures_json(found.failed),
                "unreadable": failures_json(found.unreadable),
            }
        )
    else:
        _print(found.groups, in_library=False)
        for failure in (*found.unreadable, *found.failed):
            print(shown(f"  {failure.path}: {failure.reason}"), file=sys.stderr)
    return _exit_code(found)


def _exit_code(found: FolderDuplicates) -> int:
    """Return 1 if there were no images or some were unreadable, else 0."""
    return 1 if found.unreadable or not found.image_count else 0


def _library_groups(
    options: argparse.Namespace, settings: Settings
) -> Sequence[DuplicateGroup]:
    from ambience.library.library import Library

    with (
        Library.of(settings) as library,
        step_bars(quiet=options.json) as on_progress,
    ):
        return library.duplicate_groups(
            radius=options.radius,
            turned=options.turned,
            parts=options.parts,
            on_progress=on_progress,
        )


def _json(group: DuplicateGroup, *, in_library: bool) -> dict[str, Any]:
    def of(duplicates: Sequence[Duplicate]) -> list[dict[str, Any]]:
        return [
            {
                **_image_json(one.image, in_library=in_library),
                "relation": str(one.match.relation),
                "score": one.match.score,
                "summary": one.match.summary,
                "evidence": {n: dict(said) for n, said in one.match.evidence.items()},
            }
            for one in duplicates
        ]

    return {
        "keeper": _image_json(group.keeper, in_library=in_library),
        "others": of(group.others),
        "parts": of(group.parts),
    }


def _image_json(image: ListedImage, *, in_library: bool) -> dict[str, Any]:
    height, width = image.size
    known = {"image_id": image.image_id} if in_library else {}
    return known | {
        "path": None if image.path is None else str(image.path),
        "name": "" if image.path is None else image.path.name,
        "width": width,
        "height": height,
        "format": image.format,
        "byte_count": image.byte_count,
        "sha256": image.sha256.hex(),
        "missing": image.missing,
    }


def _print(groups: Sequence[DuplicateGroup], *, in_library: bool) -> None:
    console = AnswerConsole(highlight=False)
    spare = sum(len(group.others) for group in groups)
    size = sum(one.image.byte_count for group in groups for one in group.others)
    said = (
        f"{counted(len(groups), 'group')}, {counted(spare, 'image')} you could delete "
        f"({people_size(size)})"
        if groups
        else "no duplicates"
    )
    if console.is_terminal:
        print(said)
    print_entries(
        console,
        [
            [
                _cells(number, "keep", group.keeper, "", in_library=in_library),
                *(
                    _cells(
                        number,
                        str(one.match.relation),
                        one.image,
                        f"{score_text(one.match.score)} {one.match.summary}",
                        in_library=in_library,
                    )
                    for one in (*group.others, *group.parts)
                ),
            ]
            for number, group in enumerate(groups, 1)
        ],
    )
    if not console.is_terminal:
        # In a pipe, only entries go to standard output.
        sys.stdout.flush()
        print(said, file=sys.stderr)


def _cells(
    number: int,
    role: str,
    image: ListedImage,
    why: str,
    *,
    in_library: bool,
) -> list[str]:
    height, width = image.size
    where = "not kept" if image.path is None else shown(image.path)
    return [
        str(number),
        *([str(image.image_id)] if in_library else []),
        role,
        f"{width} x {height}",
        people_size(image.byte_count),
        why,
        f"{where}{' (missing)' if image.missing else ''}",
    ]
