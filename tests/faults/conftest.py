"""What tests of faults share."""

from collections.abc import Iterator

import pytest

from tests.faults.hostile import LIMIT_MIB, PNG, Target
from tests.server import serving


@pytest.fixture(scope="module", autouse=True)
def _unmeasured_processes() -> Iterator[None]:
    """Start processes that measure no coverage: these tests start and kill the most.

    What servers and commands do is measured where their own tests start them.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        yield


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("hostile")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AMBIENCE_LIMITS__MAX_FILE_MIB", str(LIMIT_MIB))
        with serving(folder / "data") as (server, client):
            attacked = Target(server, client, folder, 0)
            client.put("/api/images/1", files={"image": PNG}).raise_for_status()
            attacked.usual = attacked.peak_bytes()
            yield attacked
            attacked.check_well()
            assert "Traceback" not in server.log
            assert server.stop() == 0
