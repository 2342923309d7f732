"""A calibration is tried on copies that it was not learned from."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from ambience.calibrating.calibration_trial import Trial, TrialTally
from ambience.calibrating.edited_copies import CopySource
from ambience.fusion import Calibration, Curve, Learned
from ambience.library.library import Library
from tests.library import as_shipped, opened_library, write_images


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("trial")
    with opened_library(folder / "data", enabled=("phash",)) as library:
        library.components.importer.run(write_images(folder / "images", 12))
        yield library


@pytest.fixture
def source(library: Library) -> CopySource:
    parts = library.components
    return CopySource(parts.services, parts.catalog, parts.originals, parts.limits)


def with_hashes(curve: Curve) -> Calibration:
    return replace(as_shipped(), learned=Learned(curves={"phash": curve}))


def tried(source: CopySource, learned: Calibration) -> dict[str, TrialTally]:
    trial = Trial(source, sample=4, edits=4)
    return dict(trial.run(learned))


def test_the_same_calibration_loses_nothing(source: CopySource) -> None:
    tallies = tried(source, as_shipped())
    assert sum(tally.copies for tally in tallies.values()) >= 16
    assert tallies["re-encoded"].found_shipped == tallies["re-encoded"].copies
    assert not any(tally.loses for tally in tallies.values())


def test_one_that_finds_less_is_told_by_family(source: CopySource) -> None:
    curve = as_shipped().curve("phash")
    blind = with_hashes(curve.model_copy(update={"width": 100.0}))
    tally = tried(source, blind)["re-encoded"]
    assert (tally.found_shipped, tally.found_learned) == (tally.copies, 0)
    assert tally.loses


def test_one_that_claims_strangers_loses_too(source: CopySource) -> None:
    curve = as_shipped().curve("phash")
    easy = with_hashes(curve.model_copy(update={"middle": 400.0}))
    tally = tried(source, easy)["re-encoded"]
    assert tally.found_learned == tally.found_shipped
    assert (tally.false_shipped, tally.loses) == (0, True)
    assert tally.false_learned > 0


def test_other_images_are_copied_than_those_learned_from(source: CopySource) -> None:
    order = source.order()
    assert sorted(order) == source.catalog.ids()
    learned = {one.image_id for one in source.sampled(order, 4, as_shipped())}
    back = order[::-1]
    others = {one.image_id for one in source.sampled(back, 4, as_shipped())}
    assert not learned & others


def test_without_services_nothing_is_tried_and_nothing_lost(source: CopySource) -> None:
    tallies = tried(replace(source, services=[]), as_shipped())
    assert not any(tally.found_shipped or tally.loses for tally in tallies.values())


def test_progress_is_told(source: CopySource) -> None:
    told: list[tuple[int, int]] = []

    def note(done: int, total: int) -> None:
        told.append((done, total))

    trial = Trial(source, sample=2, edits=2)
    trial.run(as_shipped(), on_progress=note)
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
