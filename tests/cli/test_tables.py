"""What people read fits their terminal; what programs read is whole."""

import re

import pytest
from rich.cells import cell_len

from ambience.cli.output import AnswerConsole
from ambience.cli.tables import people_size, print_entries, shortened


@pytest.mark.parametrize(
    ("byte_count", "said"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (9_949, "9.9 kB"),
        (9_960, "10 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (3_245_000, "3.2 MB"),
        (10**10, "10 GB"),
        (10**15, "1.0 PB"),
    ],
)
def test_sizes_are_said_as_people_do(byte_count: int, said: str) -> None:
    assert people_size(byte_count) == said


@pytest.mark.parametrize("text", ["short", "a/long/path/to/photo.jpg", "写真/" * 20])
@pytest.mark.parametrize("cells", [16, 20, 33])
def test_a_long_path_loses_its_middle(text: str, cells: int) -> None:
    said = shortened(text, cells)
    assert cell_len(said) <= cells
    assert (said == text) is (cell_len(text) <= cells)
    head, _, tail = said.partition("…")
    assert text.startswith(head)
    assert text.endswith(tail)


ROW = ("1", "keep", "a reason in many words " * 6, "/a/long/way/" * 10 + "photo.jpg")


@pytest.mark.parametrize("width", [60, 80, 200])
def test_on_a_terminal_no_line_is_wider_than_it(
    width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # taken for a terminal
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(width))
    console = AnswerConsole(highlight=False)
    print_entries(console, [[ROW, ROW], [ROW]], headings=("n", "what", "why", "where"))
    out = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
    assert max(map(cell_len, out.splitlines())) <= width
    assert out.count("photo.jpg") == 3
    assert out.count("in many words") >= 3


def test_elsewhere_an_entry_is_one_whole_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_entries(AnswerConsole(highlight=False), [[ROW], [ROW]], headings="abcd")
    assert capsys.readouterr().out.splitlines() == ["\t".join(ROW)] * 2
