"""What puts the services of a data folder in step with its catalog."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ambience.catalog import Catalog, Claims, Journal, Missed
from ambience.catalog.database import Database
from ambience.imaging import Limits
from ambience.ingest import ImageLocks, Originals
from ambience.sync import Comparison, Repairer


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
