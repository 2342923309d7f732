"""Names from elsewhere are shown, and steer no terminal."""

import json
import logging
import os
import re
from pathlib import Path

import pytest

from ambience.cli import main
from ambience.cli.terminal_text import ShownFormatter, shown
from ambience.fusion import Learned
from tests.drawing import drawn_image, encode
from tests.server import serving

# A title set, a name turned around, a new line, a byte that is no text, and markup.
EVIL = "\x1b]0;evil\x07\u202egnp.\x9b31m\u2028[red]:smile:[bold]\n\udce9"
SHOWN = r"\x1b]0;evil\x07\u202egnp.\x9b31m\u2028[red]:smile:[bold]\x0a\udce9"
UNSHOWN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

pytestmark = pytest.mark.skipif(os.name == "nt", reason="such names are none there")


@pytest.fixture(autouse=True)
def only_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMBIENCE_ENABLED", '["phash"]')
    monkeypatch.setenv("COLUMNS", "2000")


@pytest.fixture
def evil_folder(tmp_path: Path) -> Path:
    folder = tmp_path / f"in{EVIL}"
    folder.mkdir()
    image = encode(drawn_image(1, (60, 80)))
    for name in ("a", "b"):
        (folder / f"{name}{EVIL}.png").write_bytes(image)
    (folder / f"bad{EVIL}.png").write_bytes(b"no image")
    return folder


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    """Return what a command says to people; nothing in it steers a terminal."""
    assert main(words) == code
    printed = capsys.readouterr()
    text = printed.out + printed.err
    assert EVIL not in text
    assert not UNSHOWN.search(text.replace("\t", ""))  # between columns in a pipe
    return text


def test_no_command_lets_a_name_steer_the_terminal(
    evil_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = str(evil_folder)
    assert f"in{SHOWN}/bad{SHOWN}.png: this is not" in said(capsys, "import", folder)
    query = str(evil_folder / f"a{EVIL}.png")
    found = said(capsys, "search", query)
    for name in ("a", "b"):
        assert f"in{SHOWN}/{name}{SHOWN}.png" in found
    assert f"in{SHOWN}/b{SHOWN}.png" in said(capsys, "duplicates")
    said(capsys, "check")
    said(capsys, "check", "--repair")
    nowhere = said(capsys, "import", f"{folder}/nowhere{EVIL}", code=1)
    assert f"nowhere{SHOWN} does not exist" in nowhere
    gone = said(capsys, "search", f"x{EVIL}.png", code=1)
    assert f"there is no file x{SHOWN}.png" in gone
    said(capsys, "train", f"x{EVIL}", code=1)


def test_json_is_exact(evil_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(evil_folder), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["failed"][0]["path"] == str(evil_folder / f"bad{EVIL}.png")


def test_words_that_are_no_option_are_shown_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["check", f"x{EVIL}"])
    error = capsys.readouterr().err
    assert f"x{SHOWN}" in error
    assert not UNSHOWN.search(error)


def test_the_log_of_a_server_lets_no_name_steer_the_terminal(
    evil_folder: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data\x1b]0;evil\x07"
    data.mkdir()
    Learned(images=1).save(
        data / "calibration.json"
    )  # which a server sets aside, and says so
    with serving(data, "--import", str(evil_folder)) as (server, _):
        server.said()
        log = server.log
    assert r"data\x1b]0;evil\x07/calibration.json.set-aside" in log
    assert not UNSHOWN.search(log)


def test_a_log_keeps_the_lines_of_a_traceback_only() -> None:
    error = ValueError(EVIL)
    record = logging.LogRecord(
        *("log", logging.ERROR, "file", 1),
        *("%s\nfailed", (EVIL,), (ValueError, error, None)),
    )
    lines = ShownFormatter("%(levelname)s %(message)s").format(record).split("\n")
    assert lines[0] == rf"ERROR {SHOWN}\x0afailed"
    assert lines[1].startswith("ValueError: ")
    assert not UNSHOWN.search("".join(lines))


def test_ordinary_names_stay_as_they_are() -> None:
    # An ideographic space, a joiner in Persian and one in an emoji are as they should.
    names = ("Grüße.png", "\u5199\u771f\u3000.jpg", "\u0639\u200c\u0647.png")
    for name in (*names, "\U0001f469\u200d\U0001f467 (2).png", "a\\x1b.png"):
        assert shown(name) == name
