"""Rebuilds a service's index, and extracts the features that it lacks."""

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ambience import registry
from ambience.core.errors import StoredDataError
from ambience.core.settings import Settings
from ambience.ingest import ImageLocks, Progress, Report
from ambience.library.damaged_stores import set_aside
from ambience.library.data_folder import data_folder, in_use
from ambience.library.repairs import Repairs
from ambience.library.settings_values import limits_from
from ambience.service import AnyService, Declaration, required
from ambience.service.capabilities import ChecksFeatures, Rebuilds

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did.

    Attributes:
        rows: How many rows the index has now.
        report: Which images were extracted, and which could not be.
        set_aside: Where the old features are, if they could not be used.
    """

    rows: int
    report: Report
    set_aside: Path | None


def rebuild_service(
    settings: Settings,
    name: str,
    *,
    on_progress: Callable[[str, Progress], None] = lambda *_: None,
) -> Rebuilt:
    """Extract the features that a service lacks, and rebuild its index.

    Args:
        settings: The configuration, which names the library; nobody may have it open.
        name: The service, which must run in this process.
        on_progress: Called in steps that take long, with the name of the step.

    Raises:
        BusyError: If the library is open.
        NotFoundError: If there is no such service.
        BadParameterError: If it has no index.
        StoredDataError: If it could not be finished.
    """
    data = data_folder(settings)
    declared = registry.load(name)
    with in_use(settings, data, alone=True) as (database, journal):
        service, aside = _opened(declared, settings, data)
        try:
            index = required(service, Rebuilds)
            repairs = Repairs.of(
                database,
                journal,
                data=data,
                limits=limits_from(settings),
                image_locks=ImageLocks(),
            )
            report = _extract(service, repairs, partial(on_progress, "extracting"))
            index.rebuild()
            rows = service.status()["index"]["rows"]
        finally:
            service.close()
    return Rebuilt(rows, report, aside)


def _opened(
    declared: Declaration[Any], settings: Settings, data: Path
) -> tuple[AnyService, Path | None]:
    """Open a service, with an empty store if its own can't be used.

    Returns:
        The service, and where the unusable features are now.
    """
    own = declared.check(settings.services.get(declared.name, {}))
    declared.distrust(data)  # whoever rebuilds has a reason to
    try:
        return declared.open_here(own, data), None
    except StoredDataError as error:
        _log.warning("%s", error)
    aside = set_aside(declared.folder(data))
    return declared.open_here(own, data), aside


def _extract(
    service: AnyService, repairs: Repairs, on_progress: Callable[[Progress], None]
) -> Report:
    """Extract the features that are missing for images of the catalog.

    Features that have changed on disk count as missing.
    """
    for reading in required(service, ChecksFeatures).readings():
        repairs.comparison.note_damaged(service, reading.damaged)
    repairs.comparison.note(service, stop=threading.Event())
    made = repairs.repairer.repair(
        [service], threads=os.cpu_count() or 1, on_progress=on_progress
    )[service.name]
    if made.ended:
        raise StoredDataError(made.ended)
    return Report(added=made.put, failed=list(repairs.repairer.failures(service.name)))
