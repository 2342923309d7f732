"""How far an import is, as a terminal shows it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.library import write_images
from tests.server import MAIN

pytestmark = pytest.mark.skipif(os.name == "nt", reason="no pseudo-terminals there")


def shown(command: list[str]) -> str:
    """Run a command with a terminal for its standard error; return what that shows."""
    ours, theirs = os.openpty()
    with (
        os.fdopen(ours, "rb") as terminal,
        subprocess.Popen(command, stderr=theirs, stdout=subprocess.PIPE) as process,
    ):
        os.close(theirs)
        text = b""
        while True:  # a terminal that nobody reads holds up who writes to it
            try:
                part = os.read(terminal.fileno(), 2**16)
            except OSError:  # what Linux says at the end of one
                break
            if not part:
                break
            text += part
        assert process.stdout is not None
        assert b"30 added" in process.stdout.read()
    assert process.returncode == 0
    return text.decode()


def test_a_terminal_shows_a_bar_with_rate_and_remaining_time(tmp_path: Path) -> None:
    write_images(tmp_path / "photos", 30)
    words = ["import", str(tmp_path / "photos"), "--data", str(tmp_path / "data")]
    text = shown([sys.executable, "-c", MAIN, *words])
    assert text.count("30/30") > 1  # imported, and with slow services
    assert "slow services" in text
    assert "images/s" in text
    assert "0:00:00" in text
