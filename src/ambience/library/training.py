"""Fits a service's index, or the scores of all services, to what a library holds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ambience import registry
from ambience.calibrating.calibration_trial import Trial, TrialTally
from ambience.calibrating.edited_copies import CopySource
from ambience.calibrating.learning import Learner
from ambience.core.settings import Settings
from ambience.fusion import Learned
from ambience.ingest import Progress
from ambience.library.calibration_file import CALIBRATION_FILE
from ambience.library.data_folder import data_folder, in_use
from ambience.library.library import Library
from ambience.service import required
from ambience.service.capabilities import Trainable


@dataclass(frozen=True, slots=True)
class TrainedIndex:
    """What became of an index that was to be trained.

    Attributes:
        trained: Whether there was anything to train it with.
        kind: What kind of index it is now.
        rows: What it holds.
    """

    trained: bool
    kind: str
    rows: int


@dataclass(frozen=True, slots=True)
class TrainedFusion:
    """What was learned of scores, and what became of it.

    Attributes:
        learned: What a library taught.
        tallies: How it was tried, by family of edited copies.
        used: Whether scores follow it from now on.
    """

    learned: Learned
    tallies: Mapping[str, TrialTally]
    used: bool

    @property
    def losing(self) -> Sequence[str]:
        """The families of which fewer are found with it, or more strangers."""
        return [family for family, tally in self.tallies.items() if tally.loses]


def train_index(settings: Settings, name: str) -> TrainedIndex:
    """Fit the index of a service to what it holds.

    Args:
        settings: Name the library, which nobody may have open.
        name: The service, in this process.

    Raises:
        BusyError: If the library is open.
        NotFoundError: If there is no such service.
        BadParameterError: If it has nothing to train.
    """
    data = data_folder(settings)
    declared = registry.load(name)
    own = declared.check(settings.services.get(name, {}))
    with in_use(settings, data, alone=True):
        service = declared.open_here(own, data)
        try:
            trained = required(service, Trainable).train()
            index = service.status()["index"]
        finally:
            service.close()
    return TrainedIndex(trained, index["kind"], index["rows"])


def train_fusion(
    settings: Settings,
    *,
    accept: bool = False,
    on_progress: Callable[[str, Progress], None] = lambda *_: None,
) -> TrainedFusion | None:
    """Learn from edited copies of a library's images what distances are worth there.

    What finds fewer copies than before, or claims more that are none, is not used.

    Args:
        settings: Name the library; who has it open takes it up when it opens it again.
        accept: Whether to use it all the same.
        on_progress: Told of the steps, by what they are called.

    Returns:
        What was learned; None if there is no image whose file can be read.
    """

    def told(step: str) -> Callable[[int, int], None]:
        return lambda done, total: on_progress(step, Progress(done, total))

    with Library.of(settings, to_write=True) as library:
        own = library.components
        source = CopySource(own.services, own.catalog, own.originals, own.limits)
        before = own.searcher.calibration
        learned = Learner(source).learn(before, on_progress=told("learning"))
        if learned is None:
            return None
        after = replace(before, learned=learned)
        tallies = Trial(source).run(after, on_progress=told("trying"))
        used = accept or not any(tally.loses for tally in tallies.values())
        if used:
            accepted = learned.model_copy(update={"accepted": True})
            accepted.save(own.data / CALIBRATION_FILE)
    return TrainedFusion(learned, tallies, used)
