"""Training from the shell: what it says, and that searches use what it made."""

import errno
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from ambience.cli import main
from ambience.fusion import NOTHING_LEARNED, Curve, Learned
from ambience.library.calibration_file import calibration_of
from tests.drawing import drawn_image, encode
from tests.library import opened_library


def run_json(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    assert main([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_an_index_is_trained_with_however_little_there_is(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["import", str(folder)])
    capsys.readouterr()
    assert main(["train", "local_features"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("the index of local_features is now IVF128,PQ16 and has ")
    answer = run_json(capsys, "train", "local_features")
    assert answer["trained"]
    assert answer["rows"] > 0
    found = run_json(capsys, "search", str(folder / "3.png"))
    assert found["services"]["local_features"]["matches"][0]["distance"] < 0.01


def test_without_images_there_is_nothing_to_train_with(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train", "local_features"]) == 0
    assert "has nothing to train with: import images first" in capsys.readouterr().out
    assert run_json(capsys, "train", "local_features")["trained"] is False


def test_a_service_that_learns_nothing_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train", "phash"]) == 1
    assert capsys.readouterr().err == "ambience: phash has nothing to train\n"
    assert main(["train", "smell"]) == 1
    assert "there is no service 'smell'" in capsys.readouterr().err


def test_training_waits_until_nobody_else_has_the_folder_in_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened_library(tmp_path / "data"):
        assert main(["train", "local_features"]) == 1
    assert "stop it first" in capsys.readouterr().err


def test_a_descriptor_without_its_weights_leaves_the_rest_at_work(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["import", str(folder)])
    monkeypatch.setenv("AMBIENCE_SERVICES__LOCAL_FEATURES__DESCRIPTOR", "hardnet8")
    capsys.readouterr()
    found = run_json(capsys, "search", str(folder / "3.png"))
    assert found["matches"][0]["relation"] == "same_file"
    (away,) = found["unavailable"]
    assert away["service"] == "local_features"
    assert "hardnet8.onnx" in away["reason"]
    # Nothing that is stored is touched: with the old setting, all is as it was.
    assert main(["rebuild", "local_features"]) == 1
    monkeypatch.delenv("AMBIENCE_SERVICES__LOCAL_FEATURES__DESCRIPTOR")
    capsys.readouterr()
    found = run_json(capsys, "search", str(folder / "3.png"))
    assert found["unavailable"] == []
    assert (tmp_path / "data" / "services" / "local_features").is_dir()


def write_burst(folder: Path, frames: int) -> None:
    """Write photographs of one scene, each a little further to the side."""
    width = 80
    scene = drawn_image(5000, (60, width + 2 * frames))
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(frames):
        frame = scene[:, 2 * number : 2 * number + width]
        (folder / f"burst {number}.png").write_bytes(encode(frame))


@pytest.fixture
def only_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what would take a minute."""
    monkeypatch.setenv("AMBIENCE_ENABLED", '["phash"]')


@pytest.mark.usefixtures("only_hashes")
def test_scores_that_lose_nothing_are_taken_up(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["import", str(folder)])
    capsys.readouterr()
    answer = run_json(capsys, "train", "fusion")
    assert answer["trained"]
    assert answer["losing"] == []
    assert set(answer["curves"]) == {"phash"}
    tried = answer["tried"]["re-encoded"]
    assert tried["found_shipped"] == tried["found_learned"] > 0
    with opened_library(tmp_path / "data") as library:
        calibration = library.components.searcher.calibration
    assert calibration.learned.images == 5
    assert calibration.curve("phash").model_dump() == answer["curves"]["phash"]
    assert [path.name for path in (tmp_path / "data").glob("calibration*")] == [
        "calibration.json"
    ]
    found = run_json(capsys, "search", str(folder / "3.png"))
    assert found["matches"][0]["relation"] == "same_file"


@pytest.mark.usefixtures("only_hashes")
def test_scores_that_lose_copies_are_not_taken_up_unless_that_is_accepted(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A burst teaches that strangers are near, and then nothing is near enough."""
    write_burst(folder, 12)
    main(["import", str(folder)])
    capsys.readouterr()
    assert main(["train", "fusion"]) == 1
    said = capsys.readouterr().out
    assert re.search(r"^ *changed( +\d+){5} *$", said, re.MULTILINE)
    assert (
        "nothing changed: the scores learned from 17 images find fewer copies" in said
    )
    assert "`ambience train fusion --accept`" in said
    file = tmp_path / "data" / "calibration.json"
    assert not file.exists()
    with opened_library(tmp_path / "data") as library:
        assert library.components.searcher.calibration.learned == NOTHING_LEARNED
    answer = run_json(capsys, "train", "fusion", "--accept")
    assert answer["trained"]
    assert "changed" in answer["losing"]
    tried = answer["tried"]["changed"]
    assert tried["found_learned"] < tried["found_shipped"] <= tried["copies"]
    assert Learned.load(file).accepted


def test_only_scores_are_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "local_features", "--accept"]) == 1
    assert "--accept is only for `ambience train fusion`" in capsys.readouterr().err


def test_what_a_server_learned_by_itself_is_set_aside_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    narrow = {"seen": 0.5, "middle": 97.0, "width": 9.6}
    learned = {"version": 1, "images": 1060, "curves": {"local_features": narrow}}
    learned["usual"] = {"color": {"mean": 1.5, "deviation": 0.3}}
    for number in range(2):
        (data / "calibration.json").write_text(json.dumps(learned))
        with opened_library(data, enabled=("phash",)) as library:
            assert library.components.searcher.calibration.learned == NOTHING_LEARNED
        assert len(caplog.records) == number + 1
    assert "ambience train fusion" in caplog.text
    kept = sorted(path.name for path in data.glob("calibration.json*"))
    assert kept == ["calibration.json.set-aside", "calibration.json.set-aside-2"]
    assert json.loads((data / kept[0]).read_text()) == learned
    with opened_library(data, enabled=("phash",)):
        pass
    assert len(caplog.records) == 2  # said once


def test_a_calibration_that_cannot_be_set_aside_is_not_used_either(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    curve = Curve(seen=0.5, middle=97.0, width=9.6)
    Learned(images=1060, curves={"phash": curve}).save(data / "calibration.json")

    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "rename", refuse)
    assert calibration_of(data, {}).learned == NOTHING_LEARNED
    assert "can't be renamed (Read-only file system)" in caplog.text


def test_without_images_there_are_no_scores_to_fit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "fusion"]) == 0
    assert "import images first" in capsys.readouterr().out
    assert not (tmp_path / "data" / "calibration.json").exists()


def test_a_calibration_that_cannot_be_used_is_named_and_the_shipped_one_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "calibration.json").write_text("{")
    with opened_library(tmp_path / "data") as library:
        assert library.components.searcher.calibration.learned == NOTHING_LEARNED
    assert "run `ambience train fusion`" in caplog.text
