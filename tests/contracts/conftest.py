"""What contracts are tested on."""

from pathlib import Path

import pytest

from tests.contracts.engines import ENGINES, OpenedEngine


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> OpenedEngine:
    return ENGINES[request.param](tmp_path)
