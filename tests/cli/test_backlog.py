"""Commands say what waits for slow services, and an import leaves nothing undone."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ambience.cli import main
from tests.library import opened_library, write_images
from tests.server import MAIN

COUNT = 200  # images: more than slow services get before they are stopped


@pytest.fixture
def waiting(tmp_path: Path, folder: Path) -> Path:
    """A library of five images, of which keypoints are still to be taken."""
    with opened_library(tmp_path / "data") as library:
        library.components.importer.run([folder], wait=False)
    return tmp_path / "data"


def said(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main([*words, "--json"]) == 0
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_an_import_ends_when_all_is_done_and_counts_it(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = said(capsys, "import", str(folder))
    assert (report["added"], report["failed"]) == (5, [])
    assert report["followed"] == {"local_features": 5}
    assert report["waiting"] == report["stuck"] == {}
    again = said(capsys, "import", str(folder))
    assert (again["skipped"], again["followed"]) == (5, {})


def test_the_next_import_goes_on_with_what_waits(
    waiting: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert waiting.exists()
    report = said(capsys, "import", str(folder))
    assert (report["skipped"], report["followed"]) == (5, {"local_features": 5})


def test_waiting_is_said_and_is_no_damage(
    waiting: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert waiting.exists()
    assert main(["check"]) == 0
    out = capsys.readouterr().out
    assert "5 images wait for local_features" in out
    assert "everything is in step" in out
    assert "missed" not in out
    (checked,) = (
        one
        for one in said(capsys, "check")["services"]
        if one["name"] == "local_features"
    )
    assert (checked["waiting"], checked["missed"], checked["absent"]) == (5, 0, 0)
    assert main(["check", "--repair"]) == 0
    assert "5 images added to local_features" in capsys.readouterr().out


def test_what_is_stuck_is_damage(
    waiting: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "2.png").unlink()
    assert main(["check", "--repair"]) == 1
    out = capsys.readouterr().out
    assert "local_features missed image" in out
    assert "the file is gone" in out
    assert waiting.exists()


@pytest.mark.skipif(os.name == "nt", reason="no such signals there")
def test_ctrl_c_while_slow_services_get_images_leaves_the_rest_for_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "many"
    write_images(photos, COUNT)
    with opened_library(tmp_path / "data") as library:
        library.components.importer.run([photos], wait=False)
    # A thousand images are done between two lines: here, each is one.
    code = f"import ambience.cli.output as o; o._PLAIN_EVERY = 1; {MAIN}"
    command = [sys.executable, "-c", code, "import", str(photos)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        for line in process.stderr:
            if line.startswith("slow services: 1 of"):
                process.send_signal(signal.SIGINT)
                break
        process.stderr.read()
        out = process.stdout.read()
    assert process.returncode == 0
    assert "local_features got" in out
    assert "images still to go to local_features" in out
    with opened_library(tmp_path / "data") as library:
        left = library.components.backlog.states()["local_features"].waiting
    assert 0 < left < COUNT
    report = said(capsys, "import", str(photos))
    assert report["followed"] == {"local_features": left}
