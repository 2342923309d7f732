"""Fit the calibration that is shipped, for libraries that have none of their own.

``PYTHONPATH=src python -m scripts.fit_calibration`` writes
src/ambience/fusion/shipped.json. The library that it is fitted to has the photographs
inside scikit-image, and as many drawings as make 64. Needs scikit-image; takes
some minutes.
"""

import sys
import tempfile
import threading
from pathlib import Path

from ambience.calibrating.edited_copies import CopySource
from ambience.calibrating.learning import Learner
from ambience.cli.samples import sample_photographs
from ambience.core.settings import load_settings
from ambience.fusion import Calibration, Curve, Usual
from ambience.fusion.calibration import SHIPPED
from ambience.library.system import System
from tests.drawing import drawn_image, encode

ROOT = Path(__file__).resolve().parent.parent
IMAGES = 64  # all of them are copied
TWICE = "motorcycle_right"  # the same scene as the left one

# What is known before anything was tried: hashes of unrelated images have a standard
# deviation of 12.4 bits, so 3 to 5 in the tail; geometry states its odds.
BEFORE = Calibration(
    images=0,
    curves={
        "phash": Curve(seen=0.5, middle=230, width=5),
        "local_features": Curve(seen=0.9, middle=10, width=1),
        "color": Curve(seen=0.5, middle=-2, width=0.5),
    },
    usual={"color": Usual(mean=1.5, deviation=0.3)},
)


def library(folder: Path) -> list[Path]:
    """Return the files of the library; drawings are written into a folder."""
    files = [path for path in sample_photographs() if path.stem != TWICE]
    for seed in range(IMAGES - len(files)):
        file = folder / f"{seed}.png"
        file.write_bytes(encode(drawn_image(seed)))
        files.append(file)
    return files


def main() -> None:
    """Fit and write."""
    with (
        tempfile.TemporaryDirectory() as folder,
        System.open(load_settings(data=Path(folder, "data"))) as system,
    ):
        system.importer.run(library(Path(folder)))
        parts = system.parts
        source = CopySource(
            parts.backends, parts.catalog, parts.originals, parts.limits
        )
        learned = Learner(source).learn(
            BEFORE,
            stop=threading.Event(),
            on_progress=lambda done, total: print(f"\r{done} of {total}", end=""),
        )
    if learned is None:
        sys.exit("nothing could be learned")
    shipped = learned.model_copy(update={"images": 0})
    shipped.save(ROOT / "src" / "ambience" / "fusion" / SHIPPED)
    print(f"\n{shipped.model_dump_json(indent=2)}")


if __name__ == "__main__":
    main()
