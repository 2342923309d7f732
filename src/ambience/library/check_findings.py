"""What a check of a library finds."""

from dataclasses import dataclass, field
from pathlib import Path

from ambience.core.features import ImageId
from ambience.ingest import FileReport
from ambience.sync import Differences, StrayReport, WorkDone


@dataclass(slots=True)
class ServiceCheck:
    """How much one service differs from the catalog.

    Attributes:
        name: The service's name.
        reason: Why it can't be asked or compared; empty if it can.
        holds_images: Whether there is anything to compare.
        count: How many images it has.
        lag: Changes that are not in its index yet.
        differences: Its differences from the catalog, after repairs.
        missed: Images that it is known to have missed, after repairs.
        waiting: Images that it gets later because it is slow, which is no problem.
        why: For each reason why images are missing, how many, and the first of them.
        made: What was repaired.
        read: Features read completely.
        damaged: Images whose features have changed on disk, after repairs.
        without_checksum: Features that were read and have no checksum, after repairs.
        set_aside: Where its old features are, if they were damaged and set aside.
    """

    name: str
    reason: str = ""
    holds_images: bool = True
    count: int = 0
    lag: int = 0
    differences: Differences = field(default_factory=Differences)
    missed: int = 0
    waiting: int = 0
    why: dict[str, tuple[int, ImageId]] = field(default_factory=dict)
    made: WorkDone = field(default_factory=WorkDone)
    read: int = 0
    damaged: list[ImageId] = field(default_factory=list)
    without_checksum: int = 0
    set_aside: Path | None = None

    @property
    def in_step(self) -> bool:
        """Whether it agrees with the catalog."""
        wrong = self.reason or self.missed or self.damaged or self.differences.unknown
        return not wrong and not any(self.counts())

    def counts(self) -> tuple[int, int, int]:
        """Return how many images are absent, outdated and left over."""
        found = self.differences
        return found.absent, found.outdated, found.left_over


@dataclass(slots=True)
class Check:
    """Everything that was found.

    Attributes:
        share: The share of all bytes that was read, 0 to 1.
        catalog: Problems within the catalog itself, after repairs. If there are any,
            nothing else is checked, as there is nothing to compare it with.
        catalog_mended: Whether there were problems that have been repaired.
        services: One for each service.
        files: The files of images.
        strays: Files of ours that belong to no image.
        cut_short: Changes that a process did not finish before it died.
        calibration: Why the learned calibration can't be used; empty if it can.
    """

    share: float
    catalog: list[str]
    catalog_mended: bool = False
    services: list[ServiceCheck] = field(default_factory=list)
    files: FileReport = field(default_factory=FileReport)
    strays: StrayReport = field(default_factory=StrayReport)
    cut_short: int = 0
    calibration: str = ""

    @property
    def in_step(self) -> bool:
        """Whether nothing is wrong."""
        wrong = self.files.wrong or self.strays.wrong or self.cut_short
        damaged = self.catalog or self.calibration
        return not (wrong or damaged or any(not one.in_step for one in self.services))
