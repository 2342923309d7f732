"""Files are opened only if they are files."""

import os
import socket
from pathlib import Path

import psutil
import pytest

from ambience.core.errors import TooLargeError
from ambience.imaging import DEFAULT_LIMITS, Limits
from ambience.ingest.regular_files import open_regular, read_regular


def test_a_file_is_read(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"abc")
    assert read_regular(file, limits=DEFAULT_LIMITS) == b"abc"


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"abcd")
    with pytest.raises(TooLargeError):
        read_regular(file, limits=Limits(max_bytes=3))


def test_a_link_is_followed_only_where_it_may_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    link = tmp_path / "link"
    link.symlink_to("file")
    assert read_regular(link, limits=DEFAULT_LIMITS) == b"abc"
    with pytest.raises(OSError, match="symbolic link"):
        read_regular(link, limits=DEFAULT_LIMITS, follow=False)


def test_a_pipe_a_folder_a_socket_and_a_device_are_refused_at_once(
    tmp_path: Path,
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    bound = socket.socket(socket.AF_UNIX)
    with bound:
        bound.bind(str(tmp_path / "socket"))
        for path in (pipe, tmp_path, tmp_path / "socket", Path("/dev/zero")):
            with pytest.raises(OSError):  # noqa: PT011 -- the system words it
                open_regular(path)


def test_a_refused_file_leaves_no_descriptor_open(tmp_path: Path) -> None:
    before = psutil.Process().num_fds()
    for _ in range(5):
        with pytest.raises(OSError):  # noqa: PT011 -- the system words it
            open_regular(tmp_path)
    assert psutil.Process().num_fds() == before
