"""The parts of an open library, opened from settings and closed in order."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ambience.catalog import Catalog, Journal
from ambience.catalog.database import Database
from ambience.catalog.ids import GIVEN_OUT_BELOW
from ambience.core.errors import UnavailableError
from ambience.core.features import ImageId
from ambience.core.settings import Settings
from ambience.imaging import Limits
from ambience.ingest import Importer, Originals, Writer
from ambience.ingest.fetching.fetcher import Fetcher
from ambience.library.calibration_file import calibration_of, declared_evidence
from ambience.library.data_folder import data_folder, is_readonly, opened_catalog
from ambience.library.opened_services import open_services
from ambience.library.renditions import Renditions
from ambience.library.repairs import Repairs
from ambience.library.settings_values import limits_from
from ambience.search.reverse_search import ReverseSearcher
from ambience.service import AnyService
from ambience.service.capabilities import ChecksFeatures
from ambience.sync import Backlog, CatchUp


@dataclass(frozen=True, slots=True)
class Components:
    """Everything an open library consists of; the gateway uses it as well.

    Attributes:
        services: All enabled services, here or elsewhere.
        catalog: The images.
        originals: Our own files.
        renditions: Makes what is shown of images.
        writer: Changes images.
        importer: Imports folders.
        searcher: Searches all services.
        repairs: Makes services agree with the catalog.
        backlog: The work that services still have to do.
        catch_up: Keeps services up to date while it runs; not started yet.
        fetcher: Fetches images from the internet; ``None`` if that is not allowed.
        limits: The limits for images.
        data: The data folder.
        readonly: Whether that folder is read-only.
        database: The catalog's database.
        journal: The changes of this process.
    """

    services: Sequence[AnyService]
    catalog: Catalog
    originals: Originals
    renditions: Renditions
    writer: Writer
    importer: Importer
    searcher: ReverseSearcher
    repairs: Repairs
    backlog: Backlog
    catch_up: CatchUp
    fetcher: Fetcher | None
    limits: Limits
    data: Path
    readonly: bool
    database: Database
    journal: Journal

    @classmethod
    def open(
        cls,
        settings: Settings,
        *,
        alone: bool = True,
        mend: bool = True,
        to_write: bool = False,
    ) -> Self:
        """Open the catalog and the services; see `Library.of`."""
        data = data_folder(settings, to_write=to_write)
        limits = limits_from(settings)
        database, journal = opened_catalog(settings, data)
        catalog = Catalog(database)
        originals = Originals(data)
        services = open_services(settings, data)
        readonly = is_readonly(data)
        if not readonly:
            catalog.pass_over_ids(_highest_ids(services, originals))
        writer = Writer(
            catalog=catalog,
            journal=journal,
            originals=originals,
            services=services,
            limits=limits,
        )
        if mend and not readonly:
            writer.recover()
        repairs = Repairs.of(
            database, journal, data=data, limits=limits, image_locks=writer.image_locks
        )
        backlog = Backlog(
            services,
            repairs.missed,
            repairs.repairer,
            threads=settings.import_threads,
        )
        return cls(
            services=services,
            catalog=catalog,
            originals=originals,
            renditions=Renditions(originals, limits=limits),
            writer=writer,
            importer=Importer(writer, threads=settings.import_threads, data=data),
            searcher=ReverseSearcher(
                services,
                catalog,
                originals,
                calibration=calibration_of(data, declared_evidence(settings)),
                limits=limits,
                lone_images=repairs.lone_images,
                elsewhere={service.name for service in services if service.url},
            ),
            repairs=repairs,
            backlog=backlog,
            catch_up=CatchUp(
                writer=writer,
                services=services,
                missed=repairs.missed,
                comparison=repairs.comparison,
                backlog=backlog,
            ),
            fetcher=fetcher_from(settings, alone=alone),
            limits=limits,
            data=data,
            readonly=readonly,
            database=database,
            journal=journal,
        )

    def close(self) -> None:
        """Write everything that is pending, and release everything."""
        self.searcher.close()
        self.writer.close()
        for service in self.services:
            service.close()
        self.journal.close()
        self.database.close()


def _highest_ids(services: Sequence[AnyService], originals: Originals) -> list[ImageId]:
    """Return the highest ids in local services and in originals, cheaply."""
    highest = [originals.highest_id(below=GIVEN_OUT_BELOW)]
    for service in services:
        if not service.url and (checks := service.ability(ChecksFeatures)) is not None:
            with suppress(UnavailableError):
                highest.append(checks.highest_id(below=GIVEN_OUT_BELOW))
    return [image_id for image_id in highest if image_id is not None]


def fetcher_from(settings: Settings, *, alone: bool) -> Fetcher | None:
    """Return what fetches images from the internet; ``None`` if that is not allowed.

    Args:
        settings: The configuration.
        alone: Whether only this machine can send requests.
    """
    search = settings.search_by_url
    if not (alone if search.enabled is None else search.enabled):
        return None
    return Fetcher(limits=limits_from(settings), timeout_s=search.timeout_s)
