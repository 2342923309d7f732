"""The sample library: photographs from the scikit-image package."""

from importlib.util import find_spec
from pathlib import Path

from ambience.core.errors import BadParameterError

SAMPLES_FOLDER = "samples"

# The package also contains test patterns, masks and drawings, which are poor samples.
_PHOTOGRAPHS = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "cell.png",
    "chelsea.png",
    "clock_motion.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "moon.png",
    "motorcycle_left.png",
    "motorcycle_right.png",
    "page.png",
    "retina.jpg",
    "rocket.jpg",
    "text.png",
)


def sample_photographs() -> list[Path]:
    """Return the files of the sample images.

    Raises:
        BadParameterError: If the package is not installed.
    """
    # Only its files are used; importing it would take a second and much memory.
    package = find_spec("skimage")
    if package is None or package.origin is None:
        raise BadParameterError(
            "the sample photographs are not installed: install ambience[samples], or "
            "name a folder of your own with --import"
        )
    folder = Path(package.origin).parent / "data"
    return [path for name in _PHOTOGRAPHS if (path := folder / name).exists()]
