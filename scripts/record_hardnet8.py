"""Record what Kornia makes of a photograph, for the tests of HardNet8 to compare with.

``PYTHONPATH=src python -m scripts.record_hardnet8`` writes
tests/services/local_features/kornia.npz, and prints how far ours is from Kornia's on
more photographs. Needs torch, kornia, onnx, onnxruntime, opencv-python-headless and
scikit-image; the tests themselves need none of torch, kornia and OpenCV.
"""

import tempfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ambience.services.local_features.model import (
    MAGNIFICATION,
    PATCH_SIDE,
    HardNet8,
    cut_patches,
)
from scripts.export_hardnet8 import network
from tests.services.local_features.slow_hardnet8 import seeded_state

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "tests" / "services" / "local_features" / "kornia.npz"
PHOTO = "coins.png"  # its sides, 303 x 384, are neither equal nor powers of two
MORE = ("camera.png", "chelsea.png", "brick.png", "page.png", "rocket.jpg")
LEVELS, EACH = 4, 4  # of the pyramid; keypoints of each
PATCHES = [0, -1]  # kept besides descriptors: of the finest level, of the coarsest


class Found(NamedTuple):
    """Keypoints as `cut_patches` takes them."""

    gray: NDArray[np.uint8]
    places: NDArray[np.float64]
    scales: NDArray[np.float64]
    angles: NDArray[np.float64]


def found(name: str) -> Found:
    """Return the SIFT keypoints of a photograph inside scikit-image."""
    cv2 = import_module("cv2")
    package = find_spec("skimage")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("scikit-image")
    photo = Path(package.origin).parent / "data" / name
    gray = cv2.imread(str(photo), cv2.IMREAD_GRAYSCALE)
    points = cv2.SIFT_create(1000).detect(gray)
    places = np.array([point.pt for point in points]) + 0.5  # OpenCV: from its middle
    angles = np.radians([point.angle for point in points])
    return Found(gray, places, np.array([p.size for p in points]), angles)


def kornias(
    keypoints: Found, state: dict[str, NDArray[np.float32]], *, double: bool
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the patches and the vectors that Kornia makes.

    Args:
        keypoints: Some.
        state: The weights.
        double: Whether places have double precision: Kornia's own, single, is some
            hundred-thousandths of a pixel off.
    """
    torch, feature = import_module("torch"), import_module("kornia.feature")
    precision = torch.float64 if double else torch.float32

    def tensor(values: Any, *shape: int) -> Any:
        return torch.tensor(np.asarray(values), dtype=precision).reshape(shape)

    frames = feature.laf_from_center_scale_ori(
        tensor(keypoints.places - 0.5, 1, -1, 2),
        tensor(MAGNIFICATION * keypoints.scales, 1, -1, 1, 1),
        tensor(-np.degrees(keypoints.angles), 1, -1, 1),  # counter-clockwise there
    )
    model = feature.HardNet8(pretrained=False).eval()
    counters = {k: v for k, v in model.state_dict().items() if k not in state}
    weights = {name: torch.from_numpy(array) for name, array in state.items()}
    model.load_state_dict(counters | weights, strict=True)
    gray = torch.from_numpy(keypoints.gray)[None, None].float() / 255
    with torch.inference_mode():
        patches = feature.extract_patches_from_pyramid(gray, frames, PATCH_SIDE)
        vectors = feature.get_laf_descriptors(gray, frames, model, PATCH_SIDE)
    return patches[0, :, 0].numpy(), vectors[0].numpy()


def main() -> None:
    """Record one photograph, compare on all."""
    state = seeded_state()
    keypoints = found(PHOTO)
    level = np.log2(2 * MAGNIFICATION * keypoints.scales / PATCH_SIDE).clip(0, LEVELS)
    chosen = [
        number
        for whole in range(LEVELS)
        for number in np.flatnonzero(level.astype(int) == whole)[:EACH]
    ]
    some = Found(keypoints.gray, *(values[chosen] for values in keypoints[1:]))
    patches, vectors = kornias(some, state, double=True)
    np.savez_compressed(
        RECORD,
        places=some.places,
        scales=some.scales,
        angles=some.angles,
        patches=patches[PATCHES],
        vectors=vectors,
    )
    print(f"{RECORD}: {RECORD.stat().st_size} bytes")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hardnet8.onnx"
        path.write_bytes(network(state).SerializeToString())
        model = HardNet8(path)
        for name in (PHOTO, *MORE):
            keypoints = found(name)
            ours = cut_patches(*keypoints)
            vectors = model.vectors(ours)
            for double in (False, True):
                patches, theirs = kornias(keypoints, state, double=double)
                print(
                    f"{name}, {len(ours)} keypoints, Kornia in",
                    f"{'double' if double else 'single'} precision:",
                    f"patches {np.abs(patches - ours).max():.1e},",
                    f"vectors {np.abs(theirs - vectors).max():.1e}",
                )


if __name__ == "__main__":
    main()
