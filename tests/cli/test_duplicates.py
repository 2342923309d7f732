"""`ambience duplicates` of folders and of the library, on a terminal and in a pipe."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from ambience.cli import main
from tests.drawing import drawn_image, encode

MAIN = "import sys; from ambience.cli import main; sys.exit(main())"


@pytest.fixture
def twice(folder: Path) -> Path:
    """A folder in which one image is twice, once as a JPEG."""
    (folder / "a copy of the first.jpg").write_bytes(
        encode(drawn_image(1, (60, 80)), "JPEG")
    )
    return folder


def test_a_folder_needs_no_library_and_makes_none(
    twice: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["duplicates", str(twice), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    (group,) = answer["groups"]
    (other,) = group["others"]
    assert group["keeper"]["path"] == str(twice / "1.png")
    assert other["path"] == str(twice / "a copy of the first.jpg")
    assert (other["width"], other["height"]) == (80, 60)
    assert other["relation"] == "re_encoded"
    assert other["score"] > 0.999
    assert (answer["images"], answer["failed"], answer["unreadable"]) == (6, [], [])
    assert "image_id" not in other
    assert not (tmp_path / "data").exists()


def test_in_a_pipe_every_entry_is_one_whole_line(
    twice: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["duplicates", str(twice)]) == 0
    said = capsys.readouterr()
    keep, copy = (line.split("\t") for line in said.out.splitlines())
    assert keep[:3] == ["1", "keep", "80 x 60"]
    assert keep[-1] == str(twice / "1.png")
    assert copy[1] == "re_encoded"
    assert copy[-1] == str(twice / "a copy of the first.jpg")
    assert "1 group, 1 image you could delete" in said.err


def test_on_a_terminal_lines_fit_it(twice: Path) -> None:
    leader, follower = pty.openpty()
    environment = {**os.environ, "COLUMNS": "64", "TERM": "xterm"}
    done = subprocess.run(
        [sys.executable, "-c", MAIN, "duplicates", str(twice)],
        stdout=follower,
        stderr=subprocess.PIPE,
        env=environment,
        check=False,
    )
    os.close(follower)
    out = b""
    try:
        while chunk := os.read(leader, 65536):
            out += chunk
    except OSError:  # how Linux says that nobody writes any more
        pass
    os.close(leader)
    lines = out.decode().splitlines()
    assert done.returncode == 0
    assert lines[0].startswith("1 group, 1 image you could delete")
    assert max(map(len, lines)) <= 64
    assert any(line.endswith("1.png") for line in lines)
    assert any("…" in line and line.endswith("first.jpg") for line in lines)


def test_what_fails_is_named_beside_the_list(
    twice: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (twice / "cut.png").write_bytes((twice / "1.png").read_bytes()[:99])
    assert main(["duplicates", str(twice)]) == 0
    said = capsys.readouterr()
    assert "cut.png" not in said.out
    assert f"{twice / 'cut.png'}: the PNG is damaged" in said.err
    assert main(["duplicates", str(twice), "--json"]) == 0
    (failure,) = json.loads(capsys.readouterr().out)["failed"]
    assert failure["path"] == str(twice / "cut.png")


def test_a_folder_without_any_image_is_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["duplicates", str(tmp_path / "empty")]) == 1
    assert main(["duplicates", str(tmp_path / "nowhere")]) == 1
    assert "nowhere does not exist" in capsys.readouterr().err


def test_in_the_library_uploads_are_named_by_their_stored_file(
    data: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "new.jpg").write_bytes(encode(drawn_image(50, (60, 80)), "JPEG"))
    assert main(["import", str(folder)]) == 0
    capsys.readouterr()
    assert main(["duplicates", "--json"]) == 0
    (group,) = json.loads(capsys.readouterr().out)
    kept = group["keeper"]
    assert kept["image_id"] == 1000
    assert kept["path"].startswith(str(data / "originals"))
    assert Path(kept["path"]).is_file()
    assert group["others"][0]["path"] == str(folder / "new.jpg")


def test_the_library_lists_crops_when_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "large"
    photos.mkdir()
    drawn = drawn_image(1, (360, 480))
    (photos / "whole.png").write_bytes(encode(drawn))
    (photos / "crop.png").write_bytes(encode(drawn[60:280, 80:380]))
    (photos / "other.png").write_bytes(encode(drawn_image(2, (360, 480))))
    assert main(["import", str(photos)]) == 0
    capsys.readouterr()
    assert main(["duplicates", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["duplicates", "--parts", "--json"]) == 0
    (group,) = json.loads(capsys.readouterr().out)
    assert group["keeper"]["name"] == "whole.png"
    assert [part["name"] for part in group["parts"]] == ["crop.png"]
    assert group["parts"][0]["relation"] == "crop"
