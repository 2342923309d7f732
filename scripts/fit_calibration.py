"""Fit the curves that services declare, for libraries that taught nothing of their own.

``PYTHONPATH=src python -m scripts.fit_calibration`` prints them; they go into each
service's ``evidence.py``. The library that they are fitted to has the photographs
inside scikit-image, and as many drawings as make 64. Needs scikit-image; takes some
minutes.
"""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from ambience.calibrating.edited_copies import CopySource
from ambience.calibrating.learning import Learner
from ambience.cli.samples import sample_photographs
from ambience.core.settings import load_settings
from ambience.fusion import Calibration, Curve, UsualBackground
from ambience.library.calibration_file import declared_evidence
from ambience.library.library import Library
from tests.drawing import drawn_image, encode

IMAGES = 64  # all of them are copied
TWICE = "motorcycle_right"  # the same scene as the left one

# What is known before anything was tried: hashes of unrelated images have a standard
# deviation of 12.4 bits, so 3 to 5 in the tail; geometry states its odds. Of a service
# that is not named here, it is what it declares.
CURVES = {
    "phash": Curve(seen=0.5, middle=230, width=5),
    "local_features": Curve(seen=0.9, middle=10, width=1),
    "color": Curve(seen=0.5, middle=-2, width=0.5),
}
USUAL = {"color": UsualBackground(mean=0.7, deviation=0.2)}


def photographs(folder: Path) -> list[Path]:
    """Return the files of the library; drawings are written into a folder."""
    files = [path for path in sample_photographs() if path.stem != TWICE]
    for seed in range(IMAGES - len(files)):
        file = folder / f"{seed}.png"
        file.write_bytes(encode(drawn_image(seed)))
        files.append(file)
    return files


def main() -> None:
    """Fit and print."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Library.of(load_settings(data=Path(folder, "data"))) as library,
    ):
        library.add_folder(*photographs(Path(folder)))
        parts = library.components
        source = CopySource(
            parts.services, parts.catalog, parts.originals, parts.limits
        )
        evidence = {
            name: replace(
                declared,
                curve=CURVES.get(name, declared.curve),
                usual=USUAL.get(name, declared.usual),
            )
            for name, declared in declared_evidence(load_settings()).items()
        }
        learned = Learner(source).learn(
            Calibration(evidence),
            on_progress=lambda done, total: print(f"\r{done} of {total}", end=""),
        )
    if learned is None:
        sys.exit("nothing could be learned")
    for name, curve in learned.curves.items():
        print(f"\n{name}: curve={curve!r}")
        if name in learned.usual:
            print(f"{name}: usual={learned.usual[name]!r}")


if __name__ == "__main__":
    main()
