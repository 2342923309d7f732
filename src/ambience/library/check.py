"""Compares a library's catalog, services and files, and repairs what it can."""

import math
import os
import threading
from collections.abc import Callable, Container
from contextlib import suppress
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Literal, TypeAlias

from ambience import registry
from ambience.catalog import Positions, Tally, integrity
from ambience.core.errors import (
    AmbienceError,
    BusyError,
    CorruptDataError,
    NotFoundError,
)
from ambience.core.features import ImageId
from ambience.core.settings import Settings
from ambience.fusion import Learned
from ambience.ingest import FileCheck, Progress
from ambience.library.calibration_file import CALIBRATION_FILE
from ambience.library.check_findings import Check, ServiceCheck
from ambience.library.components import Components
from ambience.library.damaged_stores import set_damaged_aside
from ambience.library.data_folder import data_folder, in_use
from ambience.library.library import Library
from ambience.service import AnyService, required
from ambience.service.capabilities import ChecksFeatures, HoldsImages
from ambience.sync import Strays, WorkDone

Unknown: TypeAlias = Literal["keep", "forget"]
"""What to do with images that services hold but nothing explains."""

_FILES = "files"  # the work of reading them


def check_library(
    settings: Settings,
    *,
    repair: bool = False,
    share: float = 1.0,
    unknown: Unknown | None = None,
    on_progress: Callable[[str, Progress], None] = lambda *_: None,
) -> Check:
    """Open a library, look at everything in it, and repair what is asked for.

    Other processes may have it open; damaged stores are set aside only if none has.

    Args:
        settings: The configuration, which names the library.
        repair: Whether to give services what they lack, and repair everything else.
        share: The share of all bytes to read, 0 to 1; the next check continues there.
        unknown: What to do with images that services hold but nothing explains; None to
            only count them.
        on_progress: Called in steps that take long, with the name of the step.

    Raises:
        BadParameterError: If the folder can't be used for this.
    """
    to_write = repair or unknown is not None
    data = data_folder(settings, to_write=to_write)
    _distrust_stores(settings, data)
    aside: dict[str, Path] = {}
    if repair:
        # Beside a server, the service stays unavailable; its reason says what to do.
        with suppress(BusyError), in_use(settings, data, alone=True):
            aside = set_damaged_aside(settings, data)
    with Library.of(settings, mend=False, to_write=to_write) as library:
        work = _Work(
            library.components,
            repair=repair,
            share=share,
            unknown=unknown,
            on_progress=on_progress,
        )
        check = work.checked()
    for one in check.services:
        one.set_aside = aside.get(one.name)
    return check


def _distrust_stores(settings: Settings, data: Path) -> None:
    """Have stores verified even if they were closed properly: disks decay, too."""
    for name in registry.enabled(settings):
        with suppress(OSError):  # opening the service will report it
            registry.load(name).distrust(data)


class _Work:
    """One check.

    Args:
        components: The components of the library.
        repair: See `check_library`.
        share: See `check_library`.
        unknown: See `check_library`.
        on_progress: See `check_library`.
    """

    def __init__(
        self,
        components: Components,
        *,
        repair: bool,
        share: float,
        unknown: Unknown | None,
        on_progress: Callable[[str, Progress], None],
    ) -> None:
        self._components = components
        self._repair = repair
        self._share = share
        self._unknown = unknown
        self._on_progress = on_progress
        self._positions = Positions(components.database)

    def _progress(self, step: str) -> Callable[[Progress], None]:
        return partial(self._on_progress, step)

    def checked(self) -> Check:
        """Look at everything, first the catalog: the rest is compared with it."""
        own, database = self._components, self._components.database
        check = Check(share=self._share, catalog=integrity.problems(database))
        if check.catalog and self._repair and integrity.mend(database):
            check.catalog, check.catalog_mended = [], True
        if check.catalog:  # nothing can be compared with it
            return check
        if self._repair:
            own.writer.recover()
        strays = Strays(own.writer, own.repairs.lone_images, own.journal)
        check.strays = strays.run(
            repair=self._repair, on_progress=self._progress("adopting")
        )
        read = self._window(_FILES, len(own.catalog))
        files = FileCheck(own.catalog, own.originals, limits=own.limits)
        check.files = files.run(
            repair=self._repair, read=read, on_progress=self._progress(_FILES)
        )
        check.services = [self._service(service) for service in own.services]
        if self._unknown and not any(one.reason for one in check.services):
            self._components.repairs.lone_images.complete()
        check.cut_short = own.writer.cut_short()
        check.calibration = self._calibration()
        return check

    def _calibration(self) -> str:
        """Return why the calibration can't be used; empty if it can."""
        try:
            Learned.load(self._components.data / CALIBRATION_FILE)
        except CorruptDataError as error:
            return str(error)
        return ""

    def _window(self, work: str, total: int) -> Container[ImageId]:
        """Return the images whose files are to be read in this check."""
        wanted = math.ceil(self._share * total)
        after = self._positions.get(work)
        catalog = self._components.catalog
        ids = catalog.ids(after=after, limit=wanted) if wanted else []
        if ids or not wanted:
            next_after = ids[-1] if ids else after
        if len(ids) < wanted:  # continue with the first
            first = catalog.ids(limit=wanted - len(ids))
            ids += first
            next_after = first[-1] if first else None
        if wanted and self._share < 1 and not self._components.readonly:
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
        missed = self._components.repairs.missed
        tally = missed.tallies().get(service.name, Tally())
        check.missed, check.waiting = tally.total - tally.put_off, tally.put_off
        check.why = missed.reasons(service.name)
        return check

    def _compare(self, service: AnyService, check: ServiceCheck) -> None:
        """Compare a service that holds images with the catalog, and repair it."""
        features = service.ability(ChecksFeatures)
        try:
            if features is not None:
                self._read_features(service, features, check)
            if self._repair:
                check.made = self._repaired(service)
            if features is not None and check.damaged:
                check.damaged = self._still_damaged(features, check.damaged)
            if self._unknown is not None:
                self._decide(service)
            check.differences = self._components.repairs.comparison.differences(service)
        except AmbienceError as error:
            check.reason = str(error)

    def _repaired(self, service: AnyService) -> WorkDone:
        repairs = self._components.repairs
        repairs.comparison.note(service, stop=threading.Event())
        made = repairs.repairer.repair(
            [service],
            threads=os.cpu_count() or 1,
            on_progress=self._progress(service.name),
        )
        return made[service.name]

    def _read_features(
        self, service: AnyService, features: ChecksFeatures, check: ServiceCheck
    ) -> None:
        """Read this check's share of a service's features, and note damaged ones."""
        work = f"features of {service.name}"
        wanted = math.ceil(self._share * service.status().get("count", 0))
        after = self._positions.get(work) if self._share < 1 else None
        on_progress = self._progress(f"reading {service.name}")
        starts = [None] if after is None else [after, None]  # then from the first
        for reading in chain.from_iterable(
            features.readings(after=start) for start in starts
        ):
            if self._share < 1 and check.read >= wanted:
                break
            check.read += len(reading.ids)
            check.damaged += reading.damaged
            check.without_checksum += reading.without_checksum
            after = reading.last
            if self._repair and reading.without_checksum:
                features.add_checksums(reading.ids)
            on_progress(Progress(check.read, max(wanted, check.read)))
        if wanted and self._share < 1 and not self._components.readonly:
            self._positions.put(work, after)
        if self._repair:
            check.without_checksum = 0
            self._components.repairs.comparison.note_damaged(service, check.damaged)

    def _still_damaged(
        self, features: ChecksFeatures, damaged: list[ImageId]
    ) -> list[ImageId]:
        """Return the damaged features that could not be extracted again.

        A damaged feature of an image that nothing knows is of no use, and is removed.
        One that was added to this service alone stays, so that it is reported again.
        """
        left = features.damaged(damaged)
        if not self._repair:
            return left
        known = {r.image_id for r in self._components.catalog.find(left)}
        mine = known | self._components.repairs.lone_images.among(left)
        removed = features.remove_damaged([i for i in left if i not in mine])
        return [i for i in left if i not in removed]

    def _decide(self, service: AnyService) -> None:
        """Keep or remove what a service holds but nothing explains, as requested."""
        writer, lone_images = (
            self._components.writer,
            self._components.repairs.lone_images,
        )
        unknown = self._components.repairs.comparison.unknown(service)
        others = lone_images.among(unknown)  # added to another service alone
        for image_id in unknown:
            if self._unknown == "keep":
                writer.note_lone_image(service.name, image_id)
            elif image_id in others:
                required(service, HoldsImages).remove([image_id])
            else:
                with suppress(NotFoundError):
                    writer.delete(image_id)
