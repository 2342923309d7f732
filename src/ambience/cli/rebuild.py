"""``ambience rebuild``: rebuilds a service's index and extracts missing features."""

import argparse
import os
import sys
import threading
from pathlib import Path
from typing import Any

from ambience import registry
from ambience.cli.options import settings_from
from ambience.cli.output import print_json, progress_bar, report_json, report_lines
from ambience.cli.terminal_text import shown
from ambience.core.errors import StoredDataError
from ambience.core.settings import Settings
from ambience.ingest import ImageLocks, Report
from ambience.library.damaged_stores import set_aside
from ambience.library.from_settings import limits_from
from ambience.library.system import (
    Repairs,
    data_folder,
    in_use,
)
from ambience.service import AnyService, Declaration, required
from ambience.service.capabilities import ChecksFeatures, Rebuilds


def run(options: argparse.Namespace) -> int:
    """Rebuild, and print what was done."""
    settings = settings_from(options)
    data = data_folder(settings)
    declared = registry.load(options.service)
    with in_use(settings, data, alone=True) as (database, journal):
        service, aside = _opened(declared, settings, data)
        index = required(service, Rebuilds)
        limits = limits_from(settings)
        repairs = Repairs.of(
            database, journal, data=data, limits=limits, image_locks=ImageLocks()
        )
        report = _extract(service, repairs, quiet=options.json)
        index.rebuild()
        _say(options, service, report=report, aside=aside)
        service.close()
    return 0


def _opened(
    declared: Declaration[Any], settings: Settings, data: Path
) -> tuple[AnyService, Path | None]:
    """Open a service, with an empty store if its own can't be used.

    Returns:
        The service, and the folder of its unusable features, if any.
    """
    own = declared.check(settings.services.get(declared.name, {}))
    declared.distrust(data)  # there is a reason for rebuilding
    try:
        return declared.open_here(own, data), None
    except StoredDataError as error:
        print(f"ambience: {shown(error)}", file=sys.stderr)
    aside = set_aside(declared.folder(data))
    return declared.open_here(own, data), aside


def _extract(service: AnyService, repairs: Repairs, *, quiet: bool) -> Report:
    """Extract the features that are missing or damaged."""
    for reading in required(service, ChecksFeatures).readings():
        repairs.comparison.note_damaged(service, reading.damaged)
    repairs.comparison.note(service, stop=threading.Event())
    due = repairs.missed.counts().get(service.name, 0)
    with progress_bar("extracting", quiet=quiet or not due) as on_progress:
        made = repairs.repairer.make_up(
            service, threads=os.cpu_count() or 1, on_progress=on_progress
        )
    if made.ended:
        raise StoredDataError(made.ended)
    return Report(added=made.put, failed=list(repairs.repairer.failures(service.name)))


def _say(
    options: argparse.Namespace,
    service: AnyService,
    *,
    report: Report,
    aside: Path | None,
) -> None:
    rows = service.status()["index"]["rows"]
    if options.json:
        print_json(
            {
                "rows": rows,
                "features": report_json(report),
                "set_aside": None if aside is None else str(aside),
            }
        )
        return
    if report.added or report.failed:
        print("\n".join(report_lines(report)))
    if aside is not None:
        print(
            f"the old features are in {shown(aside)}: delete them when everything works"
        )
    print(f"the index of {service.name} has {rows} rows")
