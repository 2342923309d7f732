"""A small library whose services can be switched off."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ingest.test_writer import FakeSink, House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.close()


@pytest.fixture
def color(house: House) -> FakeSink:
    return house.sinks[1]
