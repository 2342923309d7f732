"""A gateway over a small library, reached as a client reaches it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from ambience.gateway.app import create_gateway
from ambience.gateway.legacy.schemas import FileNames
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


@pytest.fixture
def legacy(system: System) -> Iterator[TestClient]:
    """A gateway that the original's clients find their routes at."""
    names = FileNames(system.parts.catalog)
    with TestClient(create_gateway(system.parts, legacy=names)) as client:
        yield client


@pytest.fixture
def away(tmp_path: Path) -> Iterator[TestClient]:
    """A gateway whose color runs where nobody answers."""
    services = {"color": {"url": "http://127.0.0.1:9"}}
    with opened_system(tmp_path / "away", services=services) as system:
        names = FileNames(system.parts.catalog)
        with TestClient(create_gateway(system.parts, legacy=names)) as client:
            yield client
