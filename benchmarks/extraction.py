"""How long it takes to hash and describe a photograph, beside the original's way.

    python benchmarks/extraction.py --images ~/Pictures

Photographs of the folder are enlarged to 12 megapixels with a little grain, encoded as
JPEG, and read back from memory; small ones are taken as they are. "The original's way"
decodes in full, shrinks to 96 x 96 with Lanczos, takes SciPy's DCT and its median; for
colors it counts full pixels with OpenCV; for local features it shrinks what is decoded
in full to 1024 pixels and takes the 400 strongest SIFT keypoints. One thread. Every
image is taken in each way before the next one, three times over: medians. Images are
decoded in another process, which can be killed: what that costs shows beside the same
decode in this one.
"""

import argparse
import io
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import imagehash
import numpy as np
from PIL import Image as Pillow
from scipy.fft import dct
from tables import print_table

from ambience.imaging import DEFAULT_LIMITS, WORKING_SIDE, ImageFile, thumbnail
from ambience.imaging.decoding import working_images
from ambience.imaging.image_header import open_image
from ambience.services.color.extract import HellingerExtractor
from ambience.services.local_features.extract import LocalFeaturesExtractor, RootSift
from ambience.services.phash.extract import PHashExtractor

LARGE = (4000, 3000)  # width, height: 12 megapixels
GRAIN = 4.0  # gray levels: without it, an enlarged photograph is unlike a large one
ROUNDS = 3

PHASH, COLOR = PHashExtractor(), HellingerExtractor()
LOCAL = LocalFeaturesExtractor(RootSift())
ORIGINAL_SIDE, KEYPOINTS = 1024, 400


def bare_scaled_decode(data: bytes) -> None:
    """Decode at the smallest scale that is at least the working size."""
    with Pillow.open(io.BytesIO(data)) as image:
        image.draft("RGB", (WORKING_SIDE, WORKING_SIDE * 3 // 4))
        image.load()


def decode_here(data: bytes) -> object:
    """Decode to working size in this process."""
    return working_images(open_image(data, DEFAULT_LIMITS), [WORKING_SIDE])


def decode_apart(data: bytes) -> object:
    """Decode to working size as everybody does: in a process that can be killed."""
    return ImageFile(data).image


def original_hash(data: bytes) -> np.ndarray:
    """Hash as the original does."""
    with Pillow.open(io.BytesIO(data)) as image:
        gray = image.convert("L").resize((96, 96), Pillow.Resampling.LANCZOS)
    pixels = np.asarray(gray, np.float32)
    low = dct(dct(pixels, axis=0), axis=1)[:24, :24]
    return np.packbits(low > np.median(low))


def original_histogram(data: bytes) -> np.ndarray:
    """Count colors as the original does."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    counts = cv2.calcHist([pixels], [0, 1, 2], None, [8] * 3, [0, 256] * 3)
    return np.asarray(counts.ravel() / counts.sum())


def imagehash_hash(data: bytes) -> object:
    """Hash with ImageHash at the same size."""
    with Pillow.open(io.BytesIO(data)) as image:
        return imagehash.phash(image, hash_size=24, highfreq_factor=4)


def our_hash(data: bytes) -> object:
    """Hash as we do."""
    return PHASH.extract([ImageFile(data).image])


def everything(data: bytes) -> object:
    """Take all features and the thumbnail from one decode."""
    image = ImageFile(data).image
    return PHASH.extract([image]), COLOR.extract([image]), thumbnail(image)


def original_everything(data: bytes) -> object:
    """Do what the original's services do one after another, and a thumbnail."""
    with Pillow.open(io.BytesIO(data)) as image:
        image.thumbnail((512, 512))
        out = io.BytesIO()
        image.save(out, "WEBP")
    return original_hash(data), original_histogram(data), out


def our_keypoints(data: bytes) -> object:
    """Find and describe keypoints as we do."""
    return LOCAL.extract([ImageFile(data).image])


def original_keypoints(data: bytes) -> object:
    """Find and describe keypoints as the original does."""
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    factor = min(1.0, ORIGINAL_SIDE / max(pixels.shape))
    small = cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    return cv2.SIFT_create(KEYPOINTS).detectAndCompute(small, None)


def everything_and_keypoints(data: bytes) -> object:
    """Take all features and the thumbnail from one decode."""
    image = ImageFile(data).image
    taken = [service.extract([image]) for service in (PHASH, COLOR, LOCAL)]
    return taken, thumbnail(image)


def original_everything_and_keypoints(data: bytes) -> object:
    """Do what the original's services do one after another, and a thumbnail."""
    return original_everything(data), original_keypoints(data)


WAYS: dict[str, Callable[[bytes], object]] = {
    "bare scaled decode": bare_scaled_decode,
    "working image, decoded in this process": decode_here,
    "working image, decoded in another": decode_apart,
    "phash, ours": our_hash,
    "phash, the original's way": original_hash,
    "phash, ImageHash 24 x 24": imagehash_hash,
    "phash, color and thumbnail, ours": everything,
    "phash, color and thumbnail, the original's way": original_everything,
    "local features, ours": our_keypoints,
    "local features, the original's way": original_keypoints,
    "everything, ours": everything_and_keypoints,
    "everything, the original's way": original_everything_and_keypoints,
}


def enlarged(path: Path, seed: int) -> bytes:
    """Return a photograph as a 12 megapixel JPEG."""
    with Pillow.open(path) as image:
        upright = (
            image if image.width >= image.height else image.rotate(90, expand=True)
        )
        large = upright.convert("RGB").resize(LARGE, Pillow.Resampling.BICUBIC)
    noise = np.random.default_rng(seed).normal(0, GRAIN, (LARGE[1], LARGE[0], 1))
    pixels = np.clip(np.asarray(large) + noise, 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Pillow.fromarray(pixels).save(out, "JPEG", quality=90)
    return out.getvalue()


def medians_ms(files: Sequence[bytes]) -> dict[str, float]:
    """Return the median time of each way over all files."""
    took: dict[str, list[float]] = {name: [] for name in WAYS}
    for number in range(ROUNDS + 1):  # in the first, libraries load
        for data in files if number else files[:1]:
            for name, act in WAYS.items():
                start = time.perf_counter()
                act(data)
                if number:
                    took[name].append(1000 * (time.perf_counter() - start))
    return {name: statistics.median(times) for name, times in took.items()}


def rows_of(size: str, files: Sequence[bytes]) -> list[list[str]]:
    """Measure images of one size; return rows of the table."""
    ms = medians_ms(files)
    bare = ms["bare scaled decode"]
    rows = []
    for name, own in ms.items():
        peer = ms.get(name.replace(", ours", ", the original's way"), own)
        ratio = f"{own / peer:.2f}" if name.endswith(", ours") else ""
        rows.append([size, name, f"{own:.2f}", f"{own / bare:.2f}", ratio])
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--large", type=int, default=8, help="how many 12 MP images")
    parser.add_argument("--small", type=int, default=40, help="how many as they are")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    paths = sorted(p for p in options.images.iterdir() if p.suffix.lower() == ".jpg")
    sets = {
        "12 MP": [enlarged(p, i) for i, p in enumerate(paths[: options.large])],
        "as they are": [path.read_bytes() for path in paths[: options.small]],
    }
    rows = [row for size, files in sets.items() for row in rows_of(size, files)]
    of = ["of a bare scaled decode", "of the original's way"]
    print_table(["images", "what", "ms", *of], rows)


if __name__ == "__main__":
    main()
