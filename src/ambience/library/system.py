"""Builds the whole system from settings: the only place that does."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from ambience import registry
from ambience.catalog import Catalog, Claims, Journal, Missed
from ambience.catalog.database import Database
from ambience.catalog.ids import GIVEN_OUT_BELOW
from ambience.core.errors import (
    BadParameterError,
    BusyError,
    StoredDataError,
    UnavailableError,
)
from ambience.core.features import ImageId
from ambience.core.settings import Settings
from ambience.imaging import Limits
from ambience.ingest import ImageLocks, Importer, Originals, Writer
from ambience.ingest.fetching.fetcher import Fetcher
from ambience.library.calibration_file import calibration_of, declared_evidence
from ambience.library.from_settings import data_path, limits_from
from ambience.library.resources import Resources
from ambience.remote.remote_service import connect
from ambience.search.reverse_search import ReverseSearcher
from ambience.service import AnyService
from ambience.service.capabilities import ChecksFeatures
from ambience.service.unavailable_service import UnavailableService
from ambience.sync import Backlog, CatchUp, Comparison, Repairer

_log = logging.getLogger(__name__)


def data_folder(settings: Settings, *, to_write: bool = True) -> Path:
    """Return the one folder that ambience writes to, made if it is not there.

    Args:
        settings: The configuration.
        to_write: Whether it must be possible to write there; else to read is enough.

    Raises:
        BadParameterError: If it can't be made, read or written to.
    """
    data = data_path(settings)
    try:
        data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadParameterError(
            f"the data folder {data} can't be made ({error.strerror}): name another "
            "with --data"
        ) from error
    if not os.access(data, os.R_OK | os.X_OK):
        raise BadParameterError(
            f"the data folder {data} can't be read: allow it, or name another with "
            "--data"
        )
    if to_write and is_readonly(data):
        raise BadParameterError(
            f"the data folder {data} can't be written to: allow it, or name another "
            "with --data"
        )
    return data


def is_readonly(data: Path) -> bool:
    """Whether nothing can be written to a data folder: by its rights, or its disk."""
    return data.exists() and not os.access(data, os.W_OK)


def fetcher_from(settings: Settings, *, alone: bool) -> Fetcher | None:
    """Return what fetches images from the internet, if that is to be done.

    Args:
        settings: The configuration.
        alone: Whether only this machine can ask for it.
    """
    search = settings.search_by_url
    if not (alone if search.enabled is None else search.enabled):
        return None
    return Fetcher(limits=limits_from(settings), timeout_s=search.timeout_s)


def open_services(
    settings: Settings, data: Path, names: Sequence[str] = ()
) -> list[AnyService]:
    """Open services, here or elsewhere; one that can't be opened says why.

    Args:
        settings: The configuration.
        data: The data folder.
        names: Which; empty: all that are enabled.

    Raises:
        NotFoundError: If there is no service of a name.
        BadParameterError: If a service's settings are wrong, or name one that is not
            there.
    """
    _check_names(settings)
    services: list[AnyService] = []
    for name in names or registry.enabled(settings):
        declared = registry.load(name)
        own = declared.check(settings.services.get(name, {}))
        if own.url and not names:
            services.append(
                connect(
                    name,
                    own.url,
                    timeout_s=own.timeout_s,
                    options=declared.options,
                    abilities=declared.abilities,
                    is_slow=declared.is_slow,
                )
            )
            continue
        try:
            services.append(declared.open_here(own, data, readonly=is_readonly(data)))
        except (StoredDataError, UnavailableError) as error:
            _log.warning("%s is not available: %s", name, error)
            services.append(
                UnavailableService(
                    name,
                    str(error),
                    declared.options,
                    abilities=declared.abilities,
                    is_slow=declared.is_slow,
                )
            )
    return services


def _check_names(settings: Settings) -> None:
    for where, named in {
        "enabled": settings.enabled,
        "services": settings.services,
    }.items():
        if unknown := [name for name in named if name not in registry.names()]:
            raise BadParameterError(
                f"settings.{where}: there is no service {unknown[0]!r}: "
                f"there are {', '.join(registry.names())}"
            )


def _highest_ids(services: Sequence[AnyService], originals: Originals) -> list[ImageId]:
    """Return the highest ids that services here and originals know, cheaply."""
    highest = [originals.highest_id(below=GIVEN_OUT_BELOW)]
    for service in services:
        if not service.url and (checks := service.ability(ChecksFeatures)) is not None:
            with suppress(UnavailableError):
                highest.append(checks.highest_id(below=GIVEN_OUT_BELOW))
    return [image_id for image_id in highest if image_id is not None]


@contextmanager
def in_use(
    settings: Settings, data: Path, *, alone: bool = False
) -> Iterator[tuple[Database, Journal]]:
    """Let other processes know that a data folder is in use; give its catalog.

    Args:
        settings: The configuration.
        data: The folder.
        alone: Whether nobody else may use it meanwhile.

    Raises:
        BusyError: If ``alone`` is asked for, and another process uses it.
    """
    database, journal = _opened(settings, data)
    try:
        if alone and journal.others_live():
            raise BusyError(
                "a server or an import has this data folder in use: stop it first"
            )
        yield database, journal
    finally:
        journal.close()
        database.close()


def _opened(settings: Settings, data: Path) -> tuple[Database, Journal]:
    readonly = is_readonly(data)
    url = settings.catalog.url.get_secret_value()
    database = Database(url or data / "catalog.sqlite3", readonly=readonly)
    return database, Journal(database, data / "locks", readonly=readonly)


@dataclass(frozen=True, slots=True)
class Repairs:
    """What puts services in step with the catalog.

    Attributes:
        missed: What they are known to have missed.
        claims: What was put to one of them alone.
        comparison: Finds what else they lack.
        repairer: Makes up for it.
    """

    missed: Missed
    claims: Claims
    comparison: Comparison
    repairer: Repairer

    @classmethod
    def of(
        cls,
        database: Database,
        journal: Journal,
        *,
        data: Path,
        limits: Limits,
        image_locks: ImageLocks,
    ) -> Self:
        """Return them for a data folder.

        Args:
            database: Its catalog's.
            journal: Of this process.
            data: The folder.
            limits: What an image may cost.
            image_locks: Shared by all threads of this process that change images.
        """
        missed, catalog = Missed(database), Catalog(database)
        repairer = Repairer(
            catalog=catalog,
            missed=missed,
            journal=journal,
            originals=Originals(data),
            image_locks=image_locks,
            limits=limits,
        )
        claims = Claims(database)
        comparison = Comparison(catalog, missed, claims)
        return cls(missed, claims, comparison, repairer)


@dataclass(frozen=True, slots=True)
class System:
    """Everything that a command may need, opened.

    Attributes:
        parts: What the gateway is made of.
        importer: Brings folders in.
        repairs: Puts services in step.
        catch_up: Keeps them so while it runs; not started yet.
        readonly: Whether the data folder can only be read.
        database: The catalog's.
        journal: What this process has under way.
    """

    parts: Resources
    importer: Importer
    repairs: Repairs
    catch_up: CatchUp
    readonly: bool
    database: Database
    journal: Journal

    @classmethod
    def open(
        cls,
        settings: Settings,
        *,
        fetcher: Fetcher | None = None,
        mend: bool = True,
        to_write: bool = True,
    ) -> Self:
        """Open the catalog and the services.

        Args:
            settings: The configuration.
            fetcher: See `Resources`.
            mend: Whether to mend what a crash left half done, if that can be written.
            to_write: See `data_folder`.
        """
        data = data_folder(settings, to_write=to_write)
        limits = limits_from(settings)
        database, journal = _opened(settings, data)
        catalog = Catalog(database)
        originals = Originals(data)
        services = open_services(settings, data)
        readonly = is_readonly(data)
        if not readonly:
            catalog.pass_ids(_highest_ids(services, originals))
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
        parts = Resources(
            services=services,
            catalog=catalog,
            writer=writer,
            originals=originals,
            searcher=ReverseSearcher(
                services,
                catalog,
                originals,
                calibration=calibration_of(data, declared_evidence(settings)),
                limits=limits,
                claims=repairs.claims,
                elsewhere={service.name for service in services if service.url},
            ),
            limits=limits,
            fetcher=fetcher,
            backlog=backlog,
        )
        importer = Importer(writer, threads=settings.import_threads, data=data)
        catch_up = CatchUp(
            writer=writer,
            services=services,
            missed=repairs.missed,
            comparison=repairs.comparison,
            backlog=backlog,
        )
        return cls(parts, importer, repairs, catch_up, readonly, database, journal)

    def close(self) -> None:
        """Write what is to be written, and release everything."""
        self.parts.searcher.close()
        self.parts.writer.close()
        for service in self.parts.services:
            service.close()
        self.journal.close()
        self.database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
