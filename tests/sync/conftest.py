"""A small library whose services can be switched off, one of them slow if needed."""

import pytest

from tests.ingest.conftest import color, house
from tests.ingest.test_writer import FakeSink, House

__all__ = ["color", "house"]


@pytest.fixture
def slow(house: House) -> FakeSink:
    """The second of the services of a library, which is slow."""
    house.sinks[1].is_slow = True
    return house.sinks[1]
