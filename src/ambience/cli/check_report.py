"""The result of ``ambience check``, in words and as JSON."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from rich.table import Table

from ambience.cli.output import AnswerConsole, counted
from ambience.cli.terminal_text import shown
from ambience.core.features import ImageId
from ambience.ingest import FileReport
from ambience.library.check_findings import Check, ServiceCheck
from ambience.sync import StrayReport


def as_json(check: Check) -> dict[str, Any]:
    """Return the result as JSON values."""
    return {
        "in_step": check.in_step,
        "services": [
            {
                "name": one.name,
                "unavailable": one.reason or None,
                "holds_images": one.holds_images,
                "count": one.count,
                "lag": one.lag,
                **asdict(one.differences),
                "missed": one.missed,
                "waiting": one.waiting,
                "reasons": [
                    {"reason": reason, "count": count, "image_id": first}
                    for reason, (count, first) in one.why.items()
                ],
                "repaired": asdict(one.made),
                "read": one.read,
                "damaged": one.damaged,
                "without_checksum": one.without_checksum,
                "set_aside": None if one.set_aside is None else str(one.set_aside),
            }
            for one in check.services
        ],
        "files": asdict(check.files),
        "strays": {
            **asdict(check.strays),
            "refused": [
                {"path": str(failure.path), "reason": failure.reason}
                for failure in check.strays.refused
            ],
        },
        "cut_short": check.cut_short,
        "catalog": {"problems": check.catalog, "mended": check.catalog_mended},
        "calibration": check.calibration or None,
        "share": check.share,
    }


def show(check: Check, *, repaired: bool) -> None:
    """Print the result for people.

    Args:
        check: The result.
        repaired: Whether repairs were requested.
    """
    console = AnswerConsole(highlight=False, soft_wrap=True)
    table = Table("service", box=None)
    columns = ("images", "absent", "outdated", "left over", "unknown", "index lag")
    for column in columns:
        table.add_column(column, justify="right")
    for one in check.services:
        if one.holds_images and not one.reason:
            counts = (*one.counts(), one.differences.unknown)
            table.add_row(one.name, *map(str, (one.count, *counts, one.lag)))
    if any(one.holds_images for one in check.services):
        console.print(table)
    for line in _lines(check, repaired=repaired):
        console.print(shown(line))


def _lines(check: Check, *, repaired: bool) -> Iterator[str]:
    """Yield everything besides the table."""
    yield from _catalog_lines(check, repaired=repaired)
    for one in check.services:
        yield from _service_lines(one)
    if not check.catalog:
        yield from _file_lines(check.files)
    yield from _stray_lines(check.strays)
    if check.calibration:
        yield check.calibration
    if check.cut_short:
        yield f"{check.cut_short} changes were interrupted"
    if check.share < 1:
        yield (
            f"{check.share:.0%} of all bytes were read: the next check continues from "
            "there"
        )
    if check.in_step:
        yield "everything is in step"
    elif repaired:
        yield "the rest can't be repaired now"
    else:
        yield "run `ambience check --repair` to repair what can be repaired"


def _catalog_lines(check: Check, *, repaired: bool) -> Iterator[str]:
    for problem in check.catalog:
        yield f"the catalog is damaged: {problem}"
    if check.catalog and repaired:
        yield (
            "it can't be repaired: stop ambience, and restore it from a backup; or "
            "move it away, run `ambience check --repair` and import your folders again"
        )
    if check.catalog_mended:
        yield "the catalog's indexes were damaged, and were rebuilt"


def _service_lines(one: ServiceCheck) -> Iterator[str]:
    if one.set_aside is not None:
        yield (
            f"the features of {one.name} were damaged: the old ones are in "
            f"{one.set_aside}: delete them when everything works"
        )
    if one.reason and one.holds_images:
        yield f"{one.name} can't be compared: {one.reason}"
    elif one.reason:
        yield f"{one.name} is not available: {one.reason}"
    made = one.made
    if made.put or made.removed:
        put = counted(made.put, "image")
        yield f"{put} added to {one.name}, {made.removed} removed"
    if made.ended:
        yield f"{one.name} did not get all it lacks: {made.ended}"
    yield from _waiting_lines(one)
    if one.damaged:
        yield (
            f"{one.name}: the feature of {_such(one.damaged[0], len(one.damaged))} is "
            "damaged: it is extracted again from the image's file, if there is one"
        )
    if one.without_checksum:
        yield (
            f"{one.without_checksum} features of {one.name} were stored before there "
            "were checksums: `ambience check --repair` adds them"
        )
    if one.differences.unknown and one.differences.first_unknown is not None:
        such = _such(one.differences.first_unknown, one.differences.unknown)
        yield (
            f"{one.name} has {such} that the catalog does not know: the catalog was "
            "lost or is an old copy, or images were added to this service alone long "
            "ago. Import your folders again; then `ambience check --unknown forget` "
            "removes the rest from the services, or `--unknown keep` keeps them"
        )


def _waiting_lines(one: ServiceCheck) -> Iterator[str]:
    if one.waiting:
        yield (
            f"{counted(one.waiting, 'image')} wait{'s' * (one.waiting == 1)} for "
            f"{one.name}, which is slow: a server on this folder, or the next import, "
            "does the rest"
        )
    for reason, (count, first) in one.why.items():
        yield f"{one.name} missed {_such(first, count)}: {reason}"


def _file_lines(files: FileReport) -> Iterator[str]:
    yield f"{counted(files.images, 'image')}, {files.kept_without} kept without a file"
    if files.missing:
        yield f"{counted(files.missing, 'image')} whose file is missing"
    if files.unmarked:
        yield f"{counted(files.unmarked, 'image')} of these not yet marked as missing"
    if files.restored:
        yield f"{files.restored} originals were restored from the trash"
    if files.first_lost is not None:
        trash = f" ({files.in_trash} in the trash: `--repair` restores them)"
        yield (
            f"the original of {_such(files.first_lost, files.lost)} is lost"
            f"{trash if files.in_trash else ''}: "
            "restore it from a backup, or send the image again"
        )
    if files.first_damaged is not None:
        yield (
            f"the original of {_such(files.first_damaged, files.damaged)} is damaged: "
            "restore it from a backup, or send the image again"
        )
    if files.first_changed is not None:
        yield (
            f"your file of {_such(files.first_changed, files.changed)} has changed, "
            "but its date and size have not: restore it from a backup; or, if the "
            "change was meant, give it a new date and import its folder again"
        )
    if files.first_unreadable is not None:
        yield (
            f"your file of {_such(files.first_unreadable, files.unreadable)} can't be "
            "opened: check that it is a file, and that this user may read it"
        )
    if absent := files.no_thumbnail + files.bad_thumbnail:
        yield f"{absent} thumbnails missing or damaged, {files.remade} made again"
    if files.busy:
        yield f"{counted(files.busy, 'image')} kept changing and were not checked"


def _stray_lines(strays: StrayReport) -> Iterator[str]:
    if strays.originals:
        yield (
            f"{strays.originals} originals of no image, such as {strays.first}: "
            f"{strays.adopted} were added again, {strays.renumbered} more under a "
            f"new id, {strays.trashed} moved to the trash as copies"
        )
    for failure in strays.refused:
        yield f"  {failure.path}: {failure.reason}"
    if strays.staging:
        yield f"{strays.staging} abandoned files in staging/"
    if strays.thumbnails:
        yield f"{strays.thumbnails} thumbnails of no image, {strays.removed} removed"


def _such(first: ImageId, count: int) -> str:
    return f"image {first}" + (f" and {count - 1} more" if count > 1 else "")
