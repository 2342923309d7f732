"""A calibration is learned from the library itself, and from nothing else."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ambience.calibrating.edited_copies import CopySource
from ambience.calibrating.learning import Learner
from ambience.core.features import ImageId
from ambience.fusion import Curve, Learned, Scale
from ambience.imaging import full_pixels
from ambience.library.library import Library
from ambience.search.questions import ByImage
from ambience.service.unavailable_service import UnavailableService
from tests.abilities import holding
from tests.drawing import drawn_image, encode
from tests.library import as_shipped, opened_library, write_images

IMAGES = 16


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("learning")
    with opened_library(folder / "data") as library:
        library.components.importer.run(write_images(folder / "images", IMAGES))
        yield library


def source(library: Library) -> CopySource:
    parts = library.components
    return CopySource(parts.services, parts.catalog, parts.originals, parts.limits)


def learner(library: Library) -> Learner:
    return Learner(source(library), sample=4, edits=4)


def learned(library: Library) -> Learned:
    found = learner(library).learn(as_shipped())
    assert found is not None
    return found


@pytest.fixture(scope="module")
def calibration(library: Library) -> Learned:
    return learned(library)


def test_what_was_learned_finds_copies_and_no_strangers(
    library: Library, calibration: Learned
) -> None:
    searcher = library.components.searcher
    searcher.calibration = replace(as_shipped(), learned=calibration)
    for seed in range(5):
        copy = encode(drawn_image(seed, (60, 80)), "JPEG", quality=50)
        found = searcher.search(ByImage(copy), k=5, copies_only=True).matches
        assert len(found) == 1
        assert found[0].score > 0.9
        stranger = encode(drawn_image(seed + 1000, (60, 80)))
        found = searcher.search(ByImage(stranger), k=5, copies_only=True).matches
        assert list(found) == []


def test_equal_libraries_teach_the_same(library: Library, calibration: Learned) -> None:
    assert learned(library) == calibration
    assert calibration.images == IMAGES
    declared = as_shipped().evidence
    assert set(calibration.curves) == set(declared)
    assert set(calibration.usual) == {
        name for name, own in declared.items() if own.scale is Scale.BACKGROUND
    }
    assert calibration.evidence_versions == {
        name: own.version for name, own in declared.items()
    }


def test_copies_that_a_library_holds_are_no_strangers(
    tmp_path: Path, calibration: Learned
) -> None:
    """Were they, copies would seem as common near by as strangers are."""
    with opened_library(tmp_path / "data") as library:
        folder = tmp_path / "images"
        paths = write_images(folder, IMAGES)
        for path in paths:
            copy = encode(drawn_image(int(path.stem), (60, 80)), "JPEG", quality=70)
            path.with_suffix(".jpg").write_bytes(copy)
        report = library.add_folder(folder)
        assert report.added == 2 * IMAGES
        twice = learned(library)
    for x in (0.0, 50.0, 100.0):
        assert twice.curves["phash"](x) > 5
    once = calibration.curves["phash"]
    assert twice.curves["phash"].width == pytest.approx(once.width, rel=0.7)


def test_an_image_that_a_service_has_not_got_is_no_copy_that_it_missed(
    tmp_path: Path, calibration: Learned
) -> None:
    """A service that is being filled must not seem blind."""
    with opened_library(tmp_path / "data") as library:
        library.components.importer.run(write_images(tmp_path / "images", IMAGES))
        for service in library.components.services:
            holding(service).remove(library.components.catalog.ids()[::2])
        half = learned(library)
    for name, curve in half.curves.items():
        assert curve.seen > 0.6 * calibration.curves[name].seen, name


def test_what_an_earlier_fit_got_wrong_does_not_stay(
    library: Library, calibration: Learned
) -> None:
    """A spoiled curve neither claims nor denies what the next fit goes by."""
    for middle in (-1000.0, 1000.0):
        spoiled = {
            name: curve.model_copy(update={"middle": middle, "width": 50.0})
            for name, curve in calibration.curves.items()
        }
        known = calibration.model_copy(update={"curves": spoiled, "accepted": True})
        found = learner(library).learn(replace(as_shipped(), learned=known))
        assert found == calibration


def write_burst(folder: Path, photograph: Path, frames: int) -> None:
    """Write what a camera sees that moves on, with a sensor's noise."""
    rng = np.random.default_rng(1)
    folder.mkdir()
    scene = full_pixels(photograph.read_bytes())
    for frame in range(frames):
        seen = scene[10:250, 5 * frame : 5 * frame + 320]
        noisy = np.clip(seen + rng.normal(0, 2, seen.shape), 0, 255).astype(np.uint8)
        (folder / f"{frame}.png").write_bytes(encode(noisy))


def test_a_burst_teaches_nothing_of_strangers(
    tmp_path: Path, photos: dict[str, Path]
) -> None:
    """Its frames are nearer to each other than strangers ever are."""
    write_burst(tmp_path / "burst", photos["coffee.png"], 24)
    with opened_library(tmp_path / "data", enabled=["phash"]) as library:
        library.components.importer.run(write_images(tmp_path / "images", IMAGES))
        library.components.importer.run([tmp_path / "burst"])
        found = Learner(source(library), sample=24, edits=4).learn(as_shipped())
    assert found is not None
    shipped, curve = as_shipped().curve("phash"), found.curves["phash"]
    assert curve.width < 1.25 * shipped.width
    assert curve.middle > 0.95 * shipped.middle


def test_progress_is_told(library: Library) -> None:
    told: list[tuple[int, int]] = []

    def note(done: int, total: int) -> None:
        told.append((done, total))

    few = Learner(source(library), sample=2, edits=2)
    assert few.learn(as_shipped(), on_progress=note) is not None
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_a_service_that_is_away_keeps_what_was_known(library: Library) -> None:
    parts = library.components
    services = [
        service if service.name == "phash" else UnavailableService(service.name, "away")
        for service in parts.services
    ]
    some = Learner(replace(source(library), services=services), sample=2, edits=4)
    found = some.learn(as_shipped())
    assert found is not None
    shipped = as_shipped()
    assert found.curves["phash"] != shipped.curve("phash")
    assert found.curves["local_features"] == shipped.curve("local_features")
    assert found.curves["color"] == shipped.curve("color")
    assert found.usual == {"color": shipped.usual("color")}


def test_what_was_learned_of_a_service_that_is_gone_is_kept(library: Library) -> None:
    smell = Curve(seen=0.5, middle=1, width=1)
    known = Learned(curves={"smell": smell}, evidence_versions={"smell": 3})
    before = replace(as_shipped(), learned=known)
    few = Learner(replace(source(library), services=[]), sample=1, edits=1)
    found = few.learn(before)
    assert found is not None
    assert found.curves["smell"] == smell
    assert found.evidence_versions["smell"] == 3


def test_without_a_file_there_is_nothing_to_learn(tmp_path: Path) -> None:
    with opened_library(tmp_path / "data") as library:
        assert learner(library).learn(as_shipped()) is None
        (path,) = write_images(tmp_path / "images", 1)
        library.add_folder(path)
        path.write_bytes(b"no image any more")
        assert library.components.catalog.ids() == [ImageId(1)]
        assert learner(library).learn(as_shipped()) is None
