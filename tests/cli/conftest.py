"""What tests of the command line share."""

from pathlib import Path

import pytest

from tests.library import write_images


@pytest.fixture(autouse=True)
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep settings and data of whoever runs the tests out of them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AMBIENCE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_images(tmp_path / "photos", 5)
    return tmp_path / "photos"
