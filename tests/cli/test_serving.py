"""What is served: the samples apart from the user's own, and imports that fail."""

import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Never

import pytest

from ambience.cli.samples import sample_photographs
from ambience.cli.serve import _BackgroundImport
from ambience.ingest import Importer
from ambience.library.library import Library
from tests.library import opened_library, write_images
from tests.server import serving


def test_samples_are_kept_apart_from_a_named_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "data"
    with opened_library(data) as library:
        library.add_folder(*write_images(tmp_path / "photos", 2))
    with serving(data, "--samples") as (server, client):
        assert server.said() is not None  # the import has ended
        assert client.get("/api/images").json()["total"] == len(sample_photographs())
        assert server.stop() == 0
    assert (data / "samples" / "catalog.sqlite3").is_file()
    with opened_library(data) as library:
        assert len(library.components.catalog) == 2


class FailingImporter(Importer):
    """An importer whose disk is full."""

    def run(self, *_: object, **__: object) -> Never:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "catalog.sqlite3")


def test_an_import_that_the_disk_ends_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with opened_library(tmp_path / "data") as library:
        own = library.components
        importer = FailingImporter(own.writer, threads=1, data=tmp_path)
        failing = Library(replace(own, importer=importer))
        background = _BackgroundImport(failing, [tmp_path], as_json=True)
        background.start()
        background.stop()
    error = capsys.readouterr().err
    assert error.startswith("ambience: the import ended early: [Errno")
    assert error.count("\n") == 1
