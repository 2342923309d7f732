"""A server learns by itself once its library has grown and stands still."""

import logging
import threading
from pathlib import Path

import pytest

from ambience.cli import learning
from ambience.cli.learning import BackgroundLearning
from ambience.fusion import loaded, shipped
from ambience.gateway import learning as gateway_learning
from tests.library import opened_system, write_images

SOON_S = 60.0  # far more than it takes


def test_it_learns_once_and_keeps_what_it_learned(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(gateway_learning, "FEWEST", 4)
    learned = threading.Event()
    log = logging.getLogger(learning.__name__)
    caplog.set_level(logging.INFO, log.name)
    monkeypatch.setattr(log, "handle", lambda _: learned.set())
    file = tmp_path / "calibration.json"
    with opened_system(tmp_path / "data", enabled=("phash", "color")) as system:
        system.importer.run(write_images(tmp_path / "images", 5))
        background = BackgroundLearning(system.parts, file, every_s=0.01)
        background.start()
        try:
            assert learned.wait(SOON_S)
        finally:
            background.stop()
        calibration = system.parts.searcher.calibration
    assert calibration.images == 5
    assert loaded(file) == calibration


def test_a_small_library_is_left_with_what_is_shipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = threading.Semaphore(0)

    def look(*_: object) -> bool:
        looked.release()
        return False

    monkeypatch.setattr(learning, "is_due", look)
    with opened_system(tmp_path / "data", enabled=("phash",)) as system:
        system.importer.run(write_images(tmp_path / "images", 2))
        file = tmp_path / "calibration.json"
        background = BackgroundLearning(system.parts, file, every_s=0.01)
        background.start()
        for _ in range(3):
            assert looked.acquire(timeout=SOON_S)
        background.stop()
        assert system.parts.searcher.calibration == shipped()
    assert not file.exists()
