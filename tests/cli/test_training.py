"""Training from the shell: what it says, and that searches use what it made."""

import json
from pathlib import Path
from typing import Any

import pytest

from ambience.cli import main
from ambience.fusion import shipped
from tests.library import opened_system


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
    assert said.startswith("the index of local_features is now IVF128,PQ16 and holds ")
    answer = run_json(capsys, "train", "local_features")
    assert answer["trained"]
    assert answer["rows"] > 0
    found = run_json(capsys, "search", str(folder / "3.png"))
    assert found["services"]["local_features"]["matches"][0]["distance"] < 0.01


def test_without_images_there_is_nothing_to_train_with(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["train", "local_features"]) == 0
    assert "holds nothing to train with: import images first" in capsys.readouterr().out
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
    with opened_system(tmp_path / "data"):
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


def test_scores_are_fitted_to_the_library(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["import", str(folder)])
    capsys.readouterr()
    answer = run_json(capsys, "train", "fusion")
    assert answer["trained"]
    assert set(answer["curves"]) == {"phash", "color", "local_features"}
    assert (tmp_path / "data" / "calibration.json").exists()
    with opened_system(tmp_path / "data") as system:
        calibration = system.parts.searcher.calibration
    assert calibration.images == 5
    assert calibration.curves["phash"].model_dump() == answer["curves"]["phash"]
    found = run_json(capsys, "search", str(folder / "3.png"))
    assert found["matches"][0]["relation"] == "same_file"


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
    with opened_system(tmp_path / "data") as system:
        assert system.parts.searcher.calibration == shipped()
    assert "run `ambience train fusion`" in caplog.text
