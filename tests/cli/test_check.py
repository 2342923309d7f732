"""``ambience check`` finds what is out of step, and repairs what can be."""

import shutil
from pathlib import Path

import pytest

from ambience import registry
from ambience.cli import main
from ambience.core.features import ImageId
from tests.cli.conftest import NEW, Check
from tests.library import opened_library
from tests.server import serving

NOWHERE = "http://127.0.0.1:9"


def test_all_is_well(
    data: Path, check: Check, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = check()
    assert answer["in_step"]
    assert [one["count"] for one in answer["services"].values()] == [6] * 3
    assert answer["files"]["images"] == 6
    assert main(["check", "--data", str(data)]) == 0
    assert "everything is in step" in capsys.readouterr().out


def test_an_empty_library_is_in_step(tmp_path: Path) -> None:
    assert main(["check", "--data", str(tmp_path / "empty")]) == 0


def test_a_service_that_is_new_to_a_library_is_filled(data: Path, check: Check) -> None:
    shutil.rmtree(data / "services" / "local_features")
    for _ in range(2):  # to look changes nothing
        answer = check()
        assert not answer["in_step"]
        assert answer["services"]["local_features"]["absent"] == 6
    answer = check("--repair")
    assert answer["in_step"]
    assert answer["services"]["local_features"]["repaired"]["put"] == 6
    assert check()["in_step"]


def test_it_says_in_words_what_is_wrong_and_what_was_done(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(data / "services" / "color")
    assert main(["check"]) == 1
    assert "ambience check --repair" in capsys.readouterr().out
    assert main(["check", "--repair"]) == 0
    out = capsys.readouterr().out
    assert "color got 6 images and forgot 0" in out
    assert "everything is in step" in out


def test_a_service_that_is_away_is_named_with_what_it_missed(
    data: Path, check: Check, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("AMBIENCE_SERVICES__COLOR__URL", NOWHERE)
        with opened_library(data) as library:
            for image_id in (1, 2):
                library.components.writer.delete(ImageId(image_id))
        for words in ([], ["--repair"]):
            color = check(*words)["services"]["color"]
            assert "does not answer" in color["unavailable"]
            assert color["missed"] == 2
    color = check()["services"]["color"]
    assert (color["left_over"], color["absent"], color["outdated"]) == (2, 0, 0)
    answer = check("--repair")
    assert answer["in_step"]
    assert answer["services"]["color"]["repaired"]["removed"] == 2


def test_what_can_not_be_repaired_is_listed_with_its_reason(
    data: Path, folder: Path, check: Check, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in registry.BUILTIN:
        shutil.rmtree(data / "services" / name)
    (folder / "0.png").write_bytes(NEW)
    answer = check("--repair")
    assert not answer["in_step"]
    for service in answer["services"].values():
        (why,) = service["reasons"]
        assert why["reason"] == "the file has changed: import its folder again"
        assert (service["absent"], why["count"]) == (1, 1)
    assert main(["check", "--repair"]) == 1
    out = capsys.readouterr().out
    assert f"missed image {why['image_id']}: the file has changed" in out
    assert "the rest can't be repaired now" in out
    assert main(["import", str(folder)]) == 0
    capsys.readouterr()
    assert check()["in_step"]


def test_a_damaged_store_is_set_aside_and_filled_again(
    data: Path, check: Check
) -> None:
    nonsense = b"nonsense" * 1000
    (data / "services" / "phash" / "store.lmdb").write_bytes(nonsense)
    phash = check()["services"]["phash"]
    assert "ambience rebuild phash" in phash["unavailable"]
    answer = check("--repair")
    assert answer["in_step"]
    phash = answer["services"]["phash"]
    assert (phash["repaired"]["put"], phash["count"]) == (6, 6)
    assert (Path(phash["set_aside"]) / "store.lmdb").read_bytes() == nonsense
    assert check()["in_step"]


def test_beside_others_a_damaged_store_stays_where_it_is(
    data: Path, check: Check
) -> None:
    (data / "services" / "phash" / "store.lmdb").write_bytes(b"nonsense" * 1000)
    with opened_library(data):
        phash = check("--repair")["services"]["phash"]
    assert "ambience rebuild phash" in phash["unavailable"]
    assert main(["rebuild", "phash"]) == 0


def test_files_that_are_not_there_are_marked(
    folder: Path, check: Check, tmp_path: Path
) -> None:
    gone = folder / "0.png"
    gone.rename(tmp_path / "elsewhere.png")
    for _ in range(2):
        files = check()["files"]
        assert (files["missing"], files["unmarked"]) == (1, 1)
    answer = check("--repair")
    assert (answer["files"]["missing"], answer["files"]["unmarked"]) == (1, 0)
    assert answer["in_step"]
    (tmp_path / "elsewhere.png").rename(gone)
    assert check()["files"]["unmarked"] == 1
    assert check("--repair")["files"]["missing"] == 0


def test_thumbnails_are_made_again_and_lost_originals_named(
    data: Path, check: Check, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(data / "thumbnails")
    assert check()["files"]["no_thumbnail"] == 6
    answer = check("--repair")
    assert answer["files"]["remade"] == 6
    assert answer["in_step"]
    assert len(list((data / "thumbnails").glob("*/*.webp"))) == 6
    shutil.rmtree(data / "originals")
    assert check("--repair")["files"]["lost"] == 1
    assert main(["check"]) == 1
    assert "the original of image 1000 is lost" in capsys.readouterr().out


def test_a_change_that_was_cut_short_is_counted_and_ended(
    data: Path, check: Check
) -> None:
    with opened_library(data) as library:
        database = library.components.database  # as a dead process
        with database.transaction() as connection:
            connection.exec_driver_sql(
                "INSERT INTO journal VALUES (1000, 'dead', 'delete', '', 0)"
            )
        assert library.components.writer.cut_short() == 1
    for _ in range(2):
        assert check()["cut_short"] == 1
    answer = check("--repair")
    assert answer["in_step"]
    assert answer["files"]["images"] == 5


def test_it_works_beside_a_server(data: Path, check: Check) -> None:
    with serving(data) as (_, client):
        assert check()["in_step"]
        client.delete("/api/color/images/1000").raise_for_status()
        assert check()["services"]["color"]["absent"] == 1
        assert check("--repair")["in_step"]
        found = client.post("/api/color/search?k=1", files={"image": NEW}).json()
        assert found["matches"][0]["image_id"] == 1000
        client.put("/api/images/1000", files={"image": NEW}).raise_for_status()
