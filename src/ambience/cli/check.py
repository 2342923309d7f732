"""``ambience check``: compares catalog, services and files, and repairs what it can."""

import argparse
import os
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.table import Table

from ambience.cli.output import AnswerConsole, print_json, progress_bar
from ambience.cli.system import System, settings_from
from ambience.core.errors import AmbienceError
from ambience.core.features import ImageId
from ambience.ingest import Differences, FileCheck, FileReport, MadeUp
from ambience.web.backend import Backend


@dataclass(slots=True)
class _ServiceCheck:
    """How far one service is from the catalog.

    Attributes:
        name: Of the service.
        reason: Why it can't be compared; empty if it can.
        count: Images that it has.
        lag: Changes not yet in its index.
        differences: From the catalog, after repairs.
        missed: Images that it is known to have missed, after repairs.
        why: The reasons of those: how many, and the first of them.
        made: What was repaired.
    """

    name: str
    reason: str = ""
    count: int = 0
    lag: int = 0
    differences: Differences = field(default_factory=Differences)
    missed: int = 0
    why: dict[str, tuple[int, ImageId]] = field(default_factory=dict)
    made: MadeUp = field(default_factory=MadeUp)

    @property
    def in_step(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.reason and not self.missed and not any(self.counts())

    def counts(self) -> tuple[int, int, int]:
        """Return how many images are absent, outdated, and left over."""
        found = self.differences
        return found.absent, found.outdated, found.left_over


@dataclass(frozen=True, slots=True)
class _Check:
    """All that was found.

    Attributes:
        services: One each.
        files: The files of images.
        cut_short: Changes that a process could not end before it died.
    """

    services: list[_ServiceCheck]
    files: FileReport
    cut_short: int

    @property
    def in_step(self) -> bool:
        """Whether all is well."""
        files = self.files
        wrong = files.unmarked + files.lost + files.no_thumbnail - files.remade
        return not (
            wrong or self.cut_short or any(not one.in_step for one in self.services)
        )


def run(options: argparse.Namespace) -> int:
    """Check, repair if asked to, and say what is out of step."""
    settings = settings_from(options)
    with System.open(settings, mend=False, to_write=options.repair) as system:
        check = _checked(system, repair=options.repair, quiet=options.json)
    if options.json:
        print_json(_json(check))
    else:
        _print(check, repaired=options.repair)
    return 0 if check.in_step else 1


def _checked(system: System, *, repair: bool, quiet: bool) -> _Check:
    parts = system.parts
    if repair:
        parts.writer.recover()
    with progress_bar("files", quiet=quiet) as on_progress:
        files = FileCheck(parts.catalog, parts.originals, limits=parts.limits).run(
            repair=repair, on_progress=on_progress
        )
    services = [
        _service(system, backend, repair=repair, quiet=quiet)
        for backend in parts.backends
    ]
    return _Check(services, files, parts.writer.cut_short())


def _service(
    system: System, backend: Backend, *, repair: bool, quiet: bool
) -> _ServiceCheck:
    repairs, check = system.repairs, _ServiceCheck(backend.name)
    try:
        if repair:
            check.made = _repaired(system, backend, quiet=quiet)
        check.differences = repairs.comparison.differences(backend)
    except AmbienceError as error:
        check.reason = str(error)
    status = backend.status()
    if status["available"]:
        check.count, check.lag = status["count"], status["index"]["lag"]
    check.missed = repairs.missed.counts().get(backend.name, 0)
    check.why = repairs.missed.reasons(backend.name)
    return check


def _repaired(system: System, backend: Backend, *, quiet: bool) -> MadeUp:
    system.repairs.comparison.note(backend, stop=threading.Event())
    due = system.repairs.missed.waiting(backend.name, limit=1)
    with progress_bar(backend.name, quiet=quiet or not due) as on_progress:
        return system.repairs.repairer.make_up(
            backend, threads=os.cpu_count() or 1, on_progress=on_progress
        )


def _json(check: _Check) -> dict[str, Any]:
    return {
        "in_step": check.in_step,
        "services": [
            {
                "name": one.name,
                "unavailable": one.reason or None,
                "count": one.count,
                "lag": one.lag,
                **asdict(one.differences),
                "missed": one.missed,
                "reasons": [
                    {"reason": reason, "count": count, "image_id": first}
                    for reason, (count, first) in one.why.items()
                ],
                "repaired": asdict(one.made),
            }
            for one in check.services
        ],
        "files": asdict(check.files),
        "cut_short": check.cut_short,
    }


def _print(check: _Check, *, repaired: bool) -> None:
    console = AnswerConsole(highlight=False, soft_wrap=True)
    table = Table("service", box=None)
    for column in ("images", "absent", "outdated", "left over", "index lag"):
        table.add_column(column, justify="right")
    for one in check.services:
        if not one.reason:
            table.add_row(one.name, *map(str, (one.count, *one.counts(), one.lag)))
    console.print(table)
    for line in _lines(check, repaired=repaired):
        console.print(line, markup=False)


def _lines(check: _Check, *, repaired: bool) -> Iterator[str]:
    """Iterate over what there is to say besides the table."""
    for one in check.services:
        if one.reason:
            yield f"{one.name} can't be compared: {one.reason}"
        made = one.made
        if made.put or made.removed:
            yield f"{one.name} got {_images(made.put)} and forgot {made.removed}"
        if made.ended:
            yield f"{one.name} did not get all it lacks: {made.ended}"
        for reason, (count, first) in one.why.items():
            more = f" and {count - 1} more" if count > 1 else ""
            yield f"{one.name} missed image {first}{more}: {reason}"
    yield from _file_lines(check.files)
    if check.cut_short:
        yield f"{check.cut_short} changes were cut short"
    if check.in_step:
        yield "everything is in step"
    elif repaired:
        yield "the rest can't be repaired now"
    else:
        yield "run `ambience check --repair` to put right what can be"


def _file_lines(files: FileReport) -> Iterator[str]:
    yield f"{_images(files.images)}, {files.kept_without} kept without a file"
    if files.missing:
        yield f"{_images(files.missing)} whose file of yours is not there"
    if files.unmarked:
        yield f"{_images(files.unmarked)} of which the catalog does not know that yet"
    if files.lost:
        more = f" and {files.lost - 1} more" if files.lost > 1 else ""
        yield (
            f"the original of image {files.first_lost}{more} is lost: "
            "restore it from a backup, or send the image again"
        )
    if files.no_thumbnail:
        yield f"{files.no_thumbnail} thumbnails absent, {files.remade} made again"


def _images(count: int) -> str:
    return f"{count} image{'' if count == 1 else 's'}"
