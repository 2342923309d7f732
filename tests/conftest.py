"""What tests of every floor share."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

from ambience.core.cancellation import Caller
from ambience.imaging import shared_pool
from tests.postgresql import Cluster
from tests.rounds import rounds

# The first example pays for importing FAISS, so a per-example deadline is noise.
settings.register_profile("default", deadline=None, max_examples=rounds(100, slow=2000))
settings.load_profile("default")

ROOT = Path(__file__).resolve().parent.parent

# Nearly all that tests write is waited for until it is on the disk: memory has it at
# once. What is promised about power cuts, no test can show anyway.
MEMORY = Path("/dev/shm")  # noqa: S108 -- pytest and tempfile make folders of their own
LEAST_FREE = 4 * 2**30  # bytes: a whole run takes a few hundred megabytes
if (
    "TMPDIR" not in os.environ
    and os.access(MEMORY, os.W_OK)
    and shutil.disk_usage(MEMORY).free > LEAST_FREE
):
    os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)

PHOTOS = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "clock_motion.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "moon.png",
    "motorcycle_left.png",  # the right one is nearly the same: left out
    "page.png",
    "retina.jpg",
    "rocket.jpg",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, so that all processors are done together."""
    items.sort(key=lambda item: "faults" not in item.path.parts)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def photos() -> dict[str, Path]:
    """Real photographs, by file name: they come inside the scikit-image package."""
    package = find_spec("skimage")
    assert package is not None
    assert package.origin is not None
    folder = Path(package.origin).parent / "data"
    return {name: folder / name for name in PHOTOS}


@pytest.fixture
def unprivileged(tmp_path: Path) -> Iterator[Path]:
    """A folder of a user for whom permissions count, who runs the test."""
    if not hasattr(os, "geteuid"):
        pytest.skip("permissions are others there")
    if os.geteuid() != 0:
        yield tmp_path
        return
    nobody = 65534
    _start_all_decoders()
    # Folders of pytest are root's alone.
    with tempfile.TemporaryDirectory() as folder:
        os.chown(folder, nobody, nobody)
        os.seteuid(nobody)
        try:
            yield Path(folder)
        finally:
            os.seteuid(0)


def _start_all_decoders() -> None:
    """Start them while the folder of this Python can be read."""
    pool = shared_pool()
    workers = [pool._taken(Caller()) for _ in range(pool.size)]  # noqa: SLF001 -- as above
    for worker in workers:
        pool._given_back(worker, in_step=True)  # noqa: SLF001 -- as above


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser that bootstrap.py found or installed."""
    path = os.environ.get("CHROME_BIN") or shutil.which("chromium")
    assert path, "no Chromium: `python3 scripts/system_program.py chromium` gets it"
    return path


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    """A PostgreSQL server of these tests' own, which starts with the first of them."""
    with Cluster() as cluster:
        yield cluster


@pytest.fixture(params=["sqlite", "postgresql"])
def catalog_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a new catalog: empty, for a file, and then one in PostgreSQL."""
    if request.param == "sqlite":
        yield ""
        return
    cluster: Cluster = request.getfixturevalue("postgresql")
    with cluster.database() as url:
        yield url
