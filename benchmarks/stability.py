"""How far edits move a hash and a histogram, and how near strangers come.

    python benchmarks/stability.py --images ~/Pictures

Our hash of the whole image, beside the same bits by way of a 96 x 96 thumbnail, in
bits of 576; and our color histogram, in L1 (0 to 2). For each edit the median, the
99th percentile and the farthest copy; for strangers the nearest pair, and mean and
standard deviation of all.
"""

import argparse
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from tables import print_table

from ambience.imaging import ImageFile
from ambience.services.color.extract import WHOLE, color_histogram
from ambience.services.phash.extract import hash_bits, low_frequencies, on_canvases

Edit = Callable[[Image.Image], Image.Image]
Rows = NDArray[np.integer]
THUMBNAIL = (96, 96)
BORDER = 10  # pixels


def jpeg(quality: int) -> Edit:
    """Return a recompression."""

    def edit(image: Image.Image) -> Image.Image:
        out = io.BytesIO()
        image.save(out, "JPEG", quality=quality)
        return Image.open(out).convert("RGB")

    return edit


def noisy(image: Image.Image) -> Image.Image:
    """Add grain of ten gray levels."""
    noise = np.random.default_rng(0).normal(0, 10, (image.height, image.width, 3))
    return Image.fromarray(np.clip(np.asarray(image) + noise, 0, 255).astype(np.uint8))


def barred(image: Image.Image) -> Image.Image:
    """Cover the lowest fifth in white."""
    copy = image.copy()
    copy.paste("white", (0, copy.height * 4 // 5, copy.width, copy.height))
    return copy


def trimmed(image: Image.Image) -> Image.Image:
    """Cut 1.5 % off each side."""
    x, y = round(image.width * 0.015), round(image.height * 0.015)
    return image.crop((x, y, image.width - x, image.height - y))


EDITS: dict[str, Edit] = {
    "JPEG 30": jpeg(30),
    "JPEG 10": jpeg(10),
    "half size": lambda i: i.resize((i.width // 2, i.height // 2)),
    "thumbnail of 128": lambda i: ImageOps.contain(i, (128, 128)),
    "thumbnail of 64": lambda i: ImageOps.contain(i, (64, 64)),
    "squeezed square": lambda i: i.resize((300, 300)),
    "blur": lambda i: i.filter(ImageFilter.GaussianBlur(3)),
    "noise": noisy,
    "gray": lambda i: i.convert("L").convert("RGB"),
    "brightness 1.3": lambda i: ImageEnhance.Brightness(i).enhance(1.3),
    "saturation 1.5": lambda i: ImageEnhance.Color(i).enhance(1.5),
    "contrast 1.4": lambda i: ImageEnhance.Contrast(i).enhance(1.4),
    "trimmed by 3 %": trimmed,
    "white bar over a fifth": barred,
    "white border": lambda i: ImageOps.expand(i, BORDER, "white"),
}


def features(image: Image.Image) -> tuple[Rows, Rows, Rows]:
    """Return our hash, the hash by way of a thumbnail, and the histogram."""
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    working = ImageFile(out.getvalue()).image
    gray = image.convert("L").resize(THUMBNAIL, Image.Resampling.LANCZOS)
    thumbnail = low_frequencies(np.asarray(gray, np.float32))
    ours = hash_bits(on_canvases(working)[0])
    return ours, hash_bits(thumbnail), color_histogram(working).astype(np.int64)


def bits_apart(one: Rows, other: Rows) -> Rows:
    """Return how many bits differ, along the last axis."""
    return np.asarray(np.bitwise_count(one ^ other).sum(axis=-1, dtype=np.int64))


def colors_apart(one: Rows, other: Rows) -> NDArray[np.float64]:
    """Return L1 along the last axis."""
    return np.asarray(np.abs(one - other).sum(axis=-1) / WHOLE)


def summary(distances: NDArray[np.generic]) -> str:
    """Return median, 99th percentile and farthest."""
    values = np.quantile(np.asarray(distances, float), [0.5, 0.99, 1])
    return " / ".join(f"{value:.3g}" for value in values)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True)
    options = parser.parse_args()
    paths = sorted(p for p in options.images.iterdir() if p.suffix.lower() == ".jpg")
    images = [Image.open(path).convert("RGB") for path in paths]
    originals = [np.stack(rows) for rows in zip(*map(features, images), strict=True)]
    measures = (bits_apart, bits_apart, colors_apart)
    table = []
    for name, edit in EDITS.items():
        copies = zip(*(features(edit(image)) for image in images), strict=True)
        pairs = zip(measures, copies, originals, strict=True)
        table.append([name, *(summary(f(np.stack(c), o)) for f, c, o in pairs)])
    headings = ["edit", "whole image", "by thumbnail", "colors"]
    print_table(headings, table)
    first, second = np.triu_indices(len(images), 1)
    print(f"\n{len(first)} pairs of strangers: nearest, mean, standard deviation")
    for heading, measure, rows in zip(headings[1:], measures, originals, strict=True):
        apart = measure(rows[first], rows[second])
        print(f"{heading}: {apart.min():.3g}, {apart.mean():.4g}, {apart.std():.3g}")
    near = colors_apart(originals[2][first], originals[2][second]) < 0.6
    print(f"colors nearer than 0.6: one in {1 / near.mean():.0f}")


if __name__ == "__main__":
    main()
