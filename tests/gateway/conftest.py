"""A gateway over a small library, reached as a client reaches it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from ambience.gateway.app import create_gateway
from ambience.library.system import System
from tests.library import opened_system, write_images


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_images(tmp_path / "photos", 6)
    return tmp_path / "photos"


@pytest.fixture
def system(tmp_path: Path, folder: Path) -> Iterator[System]:
    with opened_system(tmp_path / "data", limits={"max_file_mib": 1}) as system:
        system.importer.run([folder])
        yield system


@pytest.fixture
def client(system: System) -> Iterator[TestClient]:
    with TestClient(create_gateway(system.parts)) as client:
        yield client
