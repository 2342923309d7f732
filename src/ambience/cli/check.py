"""``ambience check``: compares catalog, services and files, and repairs what it can."""

import argparse
import math
import os
import threading
from collections.abc import Container
from contextlib import suppress
from pathlib import Path

from ambience import registry
from ambience.catalog import Positions, integrity
from ambience.cli.check_report import Check, ServiceCheck, as_json, show
from ambience.cli.options import settings_from
from ambience.cli.output import print_json, progress_bar
from ambience.core.errors import (
    AmbienceError,
    BusyError,
    CorruptDataError,
    NotFoundError,
)
from ambience.core.features import ImageId
from ambience.core.settings import Settings
from ambience.fusion import loaded
from ambience.ingest import FileCheck, Progress
from ambience.library.calibration_file import CALIBRATION_FILE
from ambience.library.damaged_stores import set_damaged_aside
from ambience.library.system import (
    System,
    data_folder,
    in_use,
)
from ambience.service import AnyService, required
from ambience.service.capabilities import ChecksFeatures, HoldsImages
from ambience.sync import MadeUp, Strays

_FILES = "files"  # the name under which the position of reading them is stored


def run(options: argparse.Namespace) -> int:
    """Check, repair if requested, and print the differences."""
    settings = settings_from(options)
    to_write = options.repair or options.unknown is not None
    data = data_folder(settings, to_write=to_write)
    _distrust_stores(settings, data)
    aside: dict[str, Path] = {}
    if options.repair:
        # While a server runs, the report says that the service is unavailable and why.
        with suppress(BusyError), in_use(settings, data, alone=True):
            aside = set_damaged_aside(settings, data)
    with System.open(settings, mend=False, to_write=to_write) as system:
        check = _CheckRun(system, data, options).checked()
    for one in check.services:
        one.set_aside = aside.get(one.name)
    if options.json:
        print_json(as_json(check))
    else:
        show(check, repaired=options.repair)
    return 0 if check.in_step else 1


def _distrust_stores(settings: Settings, data: Path) -> None:
    """Have stores checked even if they were closed in order, as disks decay."""
    for name in registry.enabled(settings):
        with suppress(OSError):  # the report of the service says so
            registry.load(name).distrust(data)


class _CheckRun:
    """One check.

    Args:
        system: The system to check.
        data: Its data folder.
        options: Whether to repair, how much to read, what to do with unknown images,
            and whether to show progress.
    """

    def __init__(self, system: System, data: Path, options: argparse.Namespace) -> None:
        self._system = system
        self._data = data
        self._repair: bool = options.repair
        self._share: float = options.share
        self._unknown: str | None = options.unknown
        self._quiet: bool = options.json
        self._positions = Positions(system.database)

    def checked(self) -> Check:
        """Check everything, the catalog first, as the rest is compared with it."""
        parts, database = self._system.parts, self._system.database
        check = Check(share=self._share, catalog=integrity.problems(database))
        if check.catalog and self._repair and integrity.mend(database):
            check.catalog, check.catalog_mended = [], True
        if check.catalog:  # nothing can be compared with it
            return check
        if self._repair:
            parts.writer.recover()
        strays = Strays(parts.writer, self._system.repairs.claims, self._system.journal)
        with progress_bar("adopting", quiet=self._quiet) as on_progress:
            check.strays = strays.run(repair=self._repair, on_progress=on_progress)
        read = self._window(_FILES, len(parts.catalog))
        with progress_bar("files", quiet=self._quiet) as on_progress:
            check.files = FileCheck(
                parts.catalog, parts.originals, limits=parts.limits
            ).run(repair=self._repair, read=read, on_progress=on_progress)
        check.services = [self._service(service) for service in parts.services]
        if self._unknown and not any(one.reason for one in check.services):
            self._system.repairs.claims.complete()
        check.cut_short = parts.writer.cut_short()
        check.calibration = self._calibration()
        return check

    def _calibration(self) -> str:
        """Return why the calibration can't be used; empty if it can."""
        try:
            loaded(self._data / CALIBRATION_FILE)
        except CorruptDataError as error:
            return str(error)
        return ""

    def _window(self, work: str, total: int) -> Container[ImageId]:
        """Return the images whose files are read this time."""
        wanted = math.ceil(self._share * total)
        after = self._positions.get(work)
        catalog = self._system.parts.catalog
        ids = catalog.ids(after=after, limit=wanted) if wanted else []
        if ids or not wanted:
            next_after = ids[-1] if ids else after
        if len(ids) < wanted:  # continue from the first
            first = catalog.ids(limit=wanted - len(ids))
            ids += first
            next_after = first[-1] if first else None
        if wanted and self._share < 1 and not self._system.readonly:
            self._positions.put(work, next_after)
        return frozenset(ids)

    def _service(self, service: AnyService) -> ServiceCheck:
        check, status = ServiceCheck(service.name), service.status()
        if service.ability(HoldsImages) is None:
            check.holds_images = False
            check.reason = status.get("reason", "")
            return check
        self._compare(service, check)
        status = service.status()
        if status["available"]:
            check.count, check.lag = status["count"], status["index"]["lag"]
        missed = self._system.repairs.missed
        check.missed = missed.counts().get(service.name, 0)
        check.why = missed.reasons(service.name)
        return check

    def _compare(self, service: AnyService, check: ServiceCheck) -> None:
        """Compare a service that stores images with the catalog, and repair it."""
        features = service.ability(ChecksFeatures)
        try:
            if features is not None:
                self._read_features(service, features, check)
            if self._repair:
                check.made = self._repaired(service)
            if features is not None and check.damaged:
                check.damaged = self._still_damaged(features, check.damaged)
            if self._unknown is not None:
                self._keep_or_remove(service)
            check.differences = self._system.repairs.comparison.differences(service)
        except AmbienceError as error:
            check.reason = str(error)

    def _repaired(self, service: AnyService) -> MadeUp:
        repairs = self._system.repairs
        repairs.comparison.note(service, stop=threading.Event())
        due = repairs.missed.waiting(service.name, limit=1)
        with progress_bar(service.name, quiet=self._quiet or not due) as on_progress:
            return repairs.repairer.make_up(
                service, threads=os.cpu_count() or 1, on_progress=on_progress
            )

    def _read_features(
        self, service: AnyService, features: ChecksFeatures, check: ServiceCheck
    ) -> None:
        """Read a share of a service's features, and note which are damaged."""
        work = f"features of {service.name}"
        wanted = math.ceil(self._share * service.status().get("count", 0))
        after = self._positions.get(work) if self._share < 1 else None
        with progress_bar(f"reading {service.name}", quiet=self._quiet) as on_progress:
            for start in (after, None)[: 1 if after is None else 2]:
                for reading in features.readings(after=start):
                    if self._share < 1 and check.read >= wanted:
                        break
                    check.read += len(reading.ids)
                    check.damaged += reading.damaged
                    check.without_checksum += reading.without_checksum
                    after = reading.last
                    if self._repair and reading.without_checksum:
                        features.add_checksums(reading.ids)
                    on_progress(Progress(check.read, max(wanted, check.read)))
        if wanted and self._share < 1 and not self._system.readonly:
            self._positions.put(work, after)
        if self._repair:
            check.without_checksum = 0
            self._system.repairs.comparison.note_damaged(service, check.damaged)

    def _still_damaged(
        self, features: ChecksFeatures, damaged: list[ImageId]
    ) -> list[ImageId]:
        """Return the images whose features could not be extracted again.

        Damaged features of unknown images are removed, as nobody can use them. Those of
        images added to the service alone stay, so that the next check reports them.
        """
        left = features.damaged(damaged)
        if not self._repair:
            return left
        known = {r.image_id for r in self._system.parts.catalog.find(left)}
        mine = known | self._system.repairs.claims.among(left)
        removed = features.remove_damaged([i for i in left if i not in mine])
        return [i for i in left if i not in removed]

    def _keep_or_remove(self, service: AnyService) -> None:
        """Keep or remove the unknown images of a service, as requested."""
        writer, claims = self._system.parts.writer, self._system.repairs.claims
        unknown = self._system.repairs.comparison.unknown(service)
        others = claims.among(unknown)  # that were added to another service alone
        for image_id in unknown:
            if self._unknown == "keep":
                writer.claim(service.name, image_id)
            elif image_id in others:
                required(service, HoldsImages).remove([image_id])
            else:
                with suppress(NotFoundError):
                    writer.delete(image_id)
