"""A gateway over a small library, reached as a client reaches it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from ambience.library.library import Library
from tests.gateways import gateway_app
from tests.library import opened_library, write_images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_images(tmp_path / "photos", 6)
    return tmp_path / "photos"


@pytest.fixture
def library(tmp_path: Path, folder: Path) -> Iterator[Library]:
    with opened_library(tmp_path / "data", limits={"max_file_mib": 1}) as library:
        library.add_folder(folder)
        yield library


@pytest.fixture
def client(library: Library) -> Iterator[TestClient]:
    with TestClient(gateway_app(library)) as client:
        yield client


@pytest.fixture
def legacy(library: Library) -> Iterator[TestClient]:
    """A gateway that the original's clients find their routes at."""
    with TestClient(gateway_app(library, legacy_routes=True)) as client:
        yield client


@pytest.fixture
def away(tmp_path: Path) -> Iterator[TestClient]:
    """A gateway whose color runs where nobody answers."""
    services = {"color": {"url": "http://127.0.0.1:9"}}
    with (
        opened_library(tmp_path / "away", services=services) as library,
        TestClient(gateway_app(library, legacy_routes=True)) as client,
    ):
        yield client
