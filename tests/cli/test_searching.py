"""What ``ambience search`` reads, and how it answers."""

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from ambience.cli import main
from ambience.cli.search import _row
from ambience.core.features import ImageId
from ambience.core.matches import FusedMatch, Relation
from ambience.library.answers import LibraryMatch
from tests.library import blank_page
from tests.server import MAIN


def test_a_file_that_is_too_large_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AMBIENCE_LIMITS__MAX_FILE_MIB", "1")
    query = tmp_path / "huge.jpg"
    with query.open("wb") as file:
        file.truncate(2**40)  # a hole; there is not the memory to read it
    assert main(["search", str(query)]) == 1
    assert "more than the limit of 1.0: raise limits.max_file_mib" in (
        capsys.readouterr().err
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such pipes here")
def test_a_pipe_is_read_as_far_as_the_limit(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AMBIENCE_LIMITS__MAX_FILE_MIB", "1")
    assert main(["import", str(folder)]) == 0
    capsys.readouterr()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def searched(data: bytes) -> int:
        def write() -> None:
            with suppress(BrokenPipeError):
                pipe.write_bytes(data)

        writer = threading.Thread(target=write)
        writer.start()
        code = main(["search", str(pipe)])
        writer.join()
        return code

    assert searched((folder / "1.png").read_bytes()) == 0
    assert "the same file" in capsys.readouterr().out
    assert searched(bytes(2**22)) == 1
    assert "the file has 1.0 MiB, more than" in capsys.readouterr().err


def test_a_search_in_an_empty_library_says_how_to_fill_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query = tmp_path / "query.png"
    query.write_bytes(blank_page())
    assert main(["search", str(query)]) == 0
    out = capsys.readouterr().out
    assert "there are no images yet: run `ambience import FOLDER`" in out
    assert "no matches" not in out


def test_a_known_image_and_a_part_of_an_image_are_searched_with(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "same.png").write_bytes((folder / "1.png").read_bytes())
    assert main(["import", str(folder)]) == 0
    capsys.readouterr()

    def found(*words: str) -> dict[int, str]:
        assert main(["search", "--json", *words]) == 0
        matches = json.loads(capsys.readouterr().out)["matches"]
        return {match["image_id"]: match["relation"] for match in matches}

    query = str(folder / "1.png")
    one, other = found(query)
    assert found("--id", str(one)) == {other: "same_file"}
    assert set(found("--id", str(one), "--min-score", "0")) > {other}
    assert "same_file" not in found(query, "--region", "0,0,40,60").values()
    assert found(query, "--region", "0,0,80,60") == found(query)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], "name an image to search with, or give an --id"),
        (["a.png", "--id", "1"], "name an image to search with, or give an --id"),
        (["--id", "-1"], "an id is between 0 and 9007199254740991"),
        (["--id", "1"], "nobody here knows image 1"),
        (["--id", "1", "--region", "1,2"], "region: give x,y,width,height in whole"),
        (["--id", "1", "--min-score", "2"], "min_score must be between 0 and 1"),
        (["--id", "1", "--min-score", "nan"], "min_score must be between 0 and 1"),
        (["http://localhost/a.png"], "localhost has no address, or one that is"),
        (["HTTPS://10.0.0.1/a.png"], "10.0.0.1 has no address, or one that is"),
    ],
)
def test_what_can_not_be_searched_with_is_said(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["search", *words]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"ambience: {sentence}")
    assert error.count("\n") == 1


def test_nothing_is_fetched_where_that_is_switched_off(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AMBIENCE_SEARCH_BY_URL__ENABLED", "false")
    assert main(["search", "https://photos.test/a.png"]) == 1
    assert "search_by_url.enabled is false: download it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("score", "shown"),
    [(1.0, "1.000"), (0.99999999999, "0.999"), (0.57, "0.570"), (1e-9, "0.000")],
)
def test_a_score_is_never_shown_as_more_than_it_is(score: float, shown: str) -> None:
    match = FusedMatch(ImageId(1), score, Relation.SAME_FILE, {"file": {}}, "same")
    assert _row(LibraryMatch(None, match))[1] == shown


@pytest.mark.skipif(os.name == "nt", reason="pipes end otherwise there")
@pytest.mark.parametrize("words", [["search"], ["search", "--json"], ["duplicates"]])
def test_nothing_is_said_when_nobody_reads_the_answer(
    words: list[str], folder: Path
) -> None:
    (folder / "same.png").write_bytes((folder / "1.png").read_bytes())
    assert main(["import", str(folder)]) == 0
    query = [str(folder / "1.png")] if words[0] == "search" else []
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-c", MAIN, *words, *query],
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")
