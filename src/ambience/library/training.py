"""Fits a service's index, or the scores of all services, to a library."""

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
    """The result of training an index.

    Attributes:
        trained: Whether there was anything to train it with.
        kind: The kind of index it is now.
        rows: How many rows it has.
    """

    trained: bool
    kind: str
    rows: int


@dataclass(frozen=True, slots=True)
class TrainedFusion:
    """The result of learning scores.

    Attributes:
        learned: What was learned.
        tallies: The results of testing it, by family of edited copies.
        used: Whether the new scores are used from now on.
    """

    learned: Learned
    tallies: Mapping[str, TrialTally]
    used: bool

    @property
    def losing(self) -> Sequence[str]:
        """The families with fewer copies found, or with more false claims."""
        return [family for family, tally in self.tallies.items() if tally.loses]


def train_index(settings: Settings, name: str) -> TrainedIndex:
    """Fit the index of a service to its contents.

    Args:
        settings: The configuration, which names the library; nobody may have it open.
        name: The service, which must run in this process.

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
    """Learn from edited copies of a library's images what distances mean there.

    Scores that find fewer copies, or make more false claims, are not used.

    Args:
        settings: The configuration, which names the library. Processes that have it
            open use the new scores when they open it again.
        accept: Whether to use them anyway.
        on_progress: Called in each step, with its name.

    Returns:
        The result; None if no image has a readable file.
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
