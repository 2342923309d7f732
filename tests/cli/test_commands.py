"""What a user of the shell sees: answers, sentences and exit codes."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from ambience import registry
from ambience.cli import main
from tests.drawing import drawn_image, encode
from tests.library import blank_page, opened_library


def run_json(capsys: pytest.CaptureFixture[str], *words: object) -> Any:
    assert main([*map(str, words), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_an_import_says_what_it_did(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "bad.jpg").write_bytes(b"nonsense")
    assert main(["import", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "5 added, 0 skipped, 0 moved, 1 failed" in out
    assert f"{folder / 'bad.jpg'}: " in out
    assert main(["import", str(folder)]) == 0
    assert "0 added, 5 skipped" in capsys.readouterr().out


def test_an_import_of_which_nothing_came_in_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    assert main(["import", str(folder)]) == 1
    assert "no image files" in capsys.readouterr().out
    (folder / "bad.jpg").write_bytes(b"nonsense")
    assert main(["import", str(folder)]) == 1


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_name_that_is_no_text_is_shown_all_the_same(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    good = folder / os.fsdecode(b"caf\xe9.png")
    good.write_bytes(blank_page())
    (folder / os.fsdecode(b"t\xe9.jpg")).write_bytes(b"nonsense")
    code = "import sys; from ambience.cli import main; sys.exit(main())"
    for words in (["import"], ["import", "--json"], ["search"]):
        path = folder if words[0] == "import" else good
        run = [sys.executable, "-c", code, *words, str(path)]
        assert subprocess.run(run, check=False).returncode == 0
        assert "\\udce9" in capfd.readouterr().out


def test_an_import_in_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.jpg").write_bytes(b"nonsense")
    answer = run_json(capsys, "import", folder)
    assert answer["added"] == 5
    assert [Path(f["path"]).name for f in answer["failed"]] == ["bad.jpg"]


def test_a_folder_that_is_not_there_is_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["import", "nowhere"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("ambience: ")
    assert error.count("\n") == 1
    assert "nowhere does not exist" in error


def test_a_search_names_the_relation_and_the_place(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["import", str(folder)])
    query = tmp_path / "query.jpg"
    mirrored = np.ascontiguousarray(np.fliplr(drawn_image(3, (60, 80))))
    query.write_bytes(encode(mirrored, "JPEG", quality=70))
    capsys.readouterr()
    assert main(["search", str(query)]) == 0
    out = capsys.readouterr().out
    assert "mirrored left to right" in out
    assert "3.png" in out
    answer = run_json(capsys, "search", query, "-k", 1, "--service", "phash")
    (match,) = answer["matches"]
    assert match["relation"] == "mirrored"
    assert list(answer["services"]) == ["phash"]


def test_a_search_without_a_match_says_so(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["import", str(folder)])
    query = tmp_path / "query.png"
    query.write_bytes(blank_page())
    capsys.readouterr()
    assert main(["search", str(query)]) == 0
    out = capsys.readouterr().out
    assert "no matches" in out
    assert "nearly flat" in out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["search", "red car"], "no service here searches by words"),
        (["search", "red car " * 99], "no service here searches by words"),
        (["search", "red car.jpg"], "there is no file red car.jpg"),
        (["search", "."], ". can't be read"),
        (["serve", "--import", "/nope"], "/nope does not exist"),
        (["search", __file__], "not an image"),
        (["search", __file__, "--service", "smell"], "there is no service 'smell'"),
        (["search", __file__, "-k", "0"], "k must be"),
        (["rebuild", "smell"], "there is no service 'smell'"),
        (["duplicates", "--radius", "999"], "--radius must be"),
        (["serve", "phash", "--samples"], "need the gateway"),
        (["serve", "smell"], "there is no service 'smell'"),
        (["serve", "--port", "70000"], "settings.port"),
        (["serve", "--host", "203.0.113.1", "--port", "0"], "is not available"),
    ],
)
def test_a_mistake_is_one_line_that_helps(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 1
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1


def test_a_data_folder_that_cannot_be_made_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_bytes(b"")
    query = tmp_path / "query.png"
    query.write_bytes(blank_page())
    assert main(["search", str(query), "--data", str(tmp_path / "file" / "x")]) == 1
    assert "name another with --data" in capsys.readouterr().err


def test_duplicates_are_listed_with_the_one_to_keep(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "same.png").write_bytes((folder / "1.png").read_bytes())
    with Image.open(folder / "2.png") as image:
        image.resize((160, 120)).save(folder / "larger.png")
    flipped = np.ascontiguousarray(np.flipud(drawn_image(4, (60, 80))))
    (folder / "flipped.png").write_bytes(encode(flipped))
    for name in ("blank.png", "blank too.png"):
        (folder / name).write_bytes(blank_page())
    assert main(["duplicates"]) == 0
    assert "no duplicates" in capsys.readouterr().err
    main(["import", str(folder)])
    capsys.readouterr()
    assert main(["duplicates"]) == 0
    assert "3 groups, 3 images you could delete" in capsys.readouterr().err
    groups = {
        group["keeper"]["name"]: [match["relation"] for match in group["others"]]
        for group in run_json(capsys, "duplicates", "--turned")
    }
    assert groups.pop("larger.png") == ["re_encoded"]
    assert sorted(groups.values()) == [["mirrored"], ["same_file"], ["same_file"]]


def test_features_that_are_absent_are_extracted(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["import", str(folder)])
    (tmp_path / "data" / "services" / "phash" / "store.lmdb").unlink()
    capsys.readouterr()
    answer = run_json(capsys, "rebuild", "phash")
    assert (answer["rows"], answer["features"]["added"]) == (5, 5)
    assert run_json(capsys, "rebuild", "phash")["features"]["added"] == 0


def test_a_rebuild_waits_until_nobody_else_has_the_folder_in_use(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened_library(tmp_path / "data"):
        assert main(["rebuild", "phash"]) == 1
    assert "stop it first" in capsys.readouterr().err
    assert main(["rebuild", "phash"]) == 0


def test_an_index_is_rebuilt_from_its_features(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["import", str(folder)])
    capsys.readouterr()
    assert main(["rebuild", "phash"]) == 0
    assert "the index of phash has 5 rows" in capsys.readouterr().out


def test_damaged_features_are_set_aside_and_extracted_anew(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["import", str(folder)])
    store = tmp_path / "data" / "services" / "phash" / "store.lmdb"
    store.write_bytes(b"nonsense" * 1000)
    (folder / "0.png").unlink()
    capsys.readouterr()
    answer = run_json(capsys, "rebuild", "phash")
    assert answer["rows"] == 4
    assert answer["features"]["added"] == 4
    assert [Path(f["path"]).name for f in answer["features"]["failed"]] == ["0.png"]
    kept = Path(answer["set_aside"]) / "store.lmdb"
    assert kept.read_bytes() == b"nonsense" * 1000
    found = run_json(capsys, "search", folder / "1.png", "--service", "phash")
    assert found["matches"][0]["relation"] == "same_file"


def test_a_damaged_service_is_named_and_the_rest_answers(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["import", str(folder)])
    store = tmp_path / "data" / "services" / "phash" / "store.lmdb"
    store.write_bytes(b"nonsense" * 1000)
    capsys.readouterr()
    assert main(["search", str(folder / "1.png")]) == 0
    out = capsys.readouterr().out
    assert "phash is not available" in out
    assert "rebuild phash" in out
    assert "the same file" in out


@pytest.mark.parametrize(
    ("name", "value", "where"),
    [
        ("AMBIENCE_SERVICES__PHSAH__URL", "http://127.0.0.1:1", "services"),
        ("AMBIENCE_ENABLED", '["phsah", "color"]', "enabled"),
    ],
)
def test_settings_of_a_service_that_is_not_there_are_refused(
    name: str,
    value: str,
    where: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(name, value)
    assert main(["duplicates"]) == 1
    assert capsys.readouterr().err == (
        f"ambience: settings.{where}: there is no service 'phsah': "
        f"the services are {', '.join(registry.BUILTIN)}\n"
    )


def test_options_of_every_command_may_stand_before_its_name(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, query = str(tmp_path / "elsewhere"), str(folder / "1.png")
    assert main(["import", str(folder), "--data", data]) == 0
    capsys.readouterr()
    for words in (
        ["--data", data, "--json", "search", query],
        ["--data", data, "search", query, "--json"],
        ["--data", "nowhere", "--json", "search", query, "--data", data],
    ):
        assert main(words) == 0
        assert json.loads(capsys.readouterr().out)["matches"]
    assert not (tmp_path / "nowhere").exists()
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, True),
        (errno.EDQUOT, True),
        (errno.EROFS, True),
        (errno.EFBIG, True),
        (errno.EACCES, False),
        (errno.EIO, False),
    ],
)
def test_a_full_disk_is_named_only_where_it_may_be_the_cause(
    *,
    number: int,
    hint: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(_: object) -> int:
        raise OSError(number, os.strerror(number), "catalog.sqlite3")

    monkeypatch.setattr("ambience.cli.duplicates.run", fail)
    assert main(["duplicates"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("ambience: ")
    assert os.strerror(number) in error
    assert error.count("\n") == 1
    assert ("disk is full" in error) is hint


def test_a_misspelt_command_exits_with_two(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["serach"])
    assert stopped.value.code == 2
    assert "serach" in capsys.readouterr().err


def test_colors_of_the_version_before_are_extracted_anew_by_a_rebuild(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Until then, everything else works; and the old features are not lost."""
    monkeypatch.setenv("AMBIENCE_SERVICES__COLOR__DISTANCE", "l1")
    main(["import", str(folder)])
    monkeypatch.delenv("AMBIENCE_SERVICES__COLOR__DISTANCE")
    capsys.readouterr()
    found = run_json(capsys, "search", str(folder / "3.png"))
    (away,) = found["unavailable"]
    assert away["service"] == "color"
    assert away["reason"].endswith("run `ambience rebuild color` to extract them again")
    assert found["matches"][0]["relation"] == "same_file"
    rebuilt = run_json(capsys, "rebuild", "color")
    assert rebuilt["rows"] == rebuilt["features"]["added"] == 5
    assert Path(rebuilt["set_aside"]).is_dir()
    found = run_json(capsys, "search", str(folder / "3.png"))
    assert found["unavailable"] == []
    assert found["services"]["color"]["matches"][0]["distance"] == 0
