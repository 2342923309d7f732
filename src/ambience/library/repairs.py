"""Makes the services of a data folder agree with its catalog."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from ambience.catalog import Catalog, Journal, LoneImages, Missed
from ambience.catalog.database import Database
from ambience.imaging import Limits
from ambience.ingest import ImageLocks, Originals
from ambience.sync import Comparison, Repairer


@dataclass(frozen=True, slots=True)
class Repairs:
    """What it takes to make services agree with the catalog.

    Attributes:
        missed: What services are known to have missed.
        lone_images: Images that were added to one service alone.
        comparison: Finds what else services lack.
        repairer: Gives services what they lack.
    """

    missed: Missed
    lone_images: LoneImages
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
        """Return the repairs of a data folder.

        Args:
            database: The catalog's database.
            journal: The changes of this process.
            data: The folder.
            limits: The limits for images.
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
        lone_images = LoneImages(database)
        comparison = Comparison(catalog, missed, lone_images)
        return cls(missed, lone_images, comparison, repairer)
