"""What tests of every floor share."""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import settings

# The first example pays for importing FAISS, so a per-example deadline is noise.
settings.register_profile("default", deadline=None)
settings.load_profile("default")

ROOT = Path(__file__).resolve().parent.parent

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


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser that bootstrap.py found or installed."""
    path = os.environ.get("CHROME_BIN") or shutil.which("chromium")
    assert path, "no Chromium: run `python3 scripts/chromium.py`, it says what to do"
    return path
