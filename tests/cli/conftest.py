"""What tests of the command line share."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ambience.cli import main
from ambience.core.features import ImageId
from ambience.imaging import ImageFile
from ambience.ingest import Arrival
from tests.drawing import drawn_image, encode
from tests.library import opened_library, write_images

NEW = encode(drawn_image(50, (60, 80)))

Check = Callable[..., dict[str, Any]]


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


@pytest.fixture
def data(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A library of five files and an upload."""
    assert main(["import", str(folder)]) == 0
    with opened_library(tmp_path / "data") as library:
        writer = library.components.writer
        arrival = Arrival(
            ImageId(1000), writer.prepare(ImageFile(NEW)), upload=NEW, keep=True
        )
        writer.put([arrival])
    capsys.readouterr()
    return tmp_path / "data"


@pytest.fixture
def check(data: Path, capsys: pytest.CaptureFixture[str]) -> Check:
    def run(*words: str) -> dict[str, Any]:
        code = main(["check", *words, "--json", "--data", str(data)])
        answer: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert code == (0 if answer["in_step"] else 1)
        answer["services"] = {one["name"]: one for one in answer["services"]}
        return answer

    return run
