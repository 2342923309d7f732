"""Images drawn for tests: equal seeds, equal pixels."""

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

EDGES = 6  # shapes with hard edges, as photographs have
TEXTURE = 6.0  # standard deviation of the grain, in gray levels


def drawn_image(seed: int, size: tuple[int, int] = (240, 320)) -> NDArray[np.uint8]:
    """Return smooth blobs of color with a few hard-edged shapes and a fine grain.

    Low frequencies carry most of it, as in a photograph, so that perceptual hashes
    survive recompression and resizing.

    Args:
        seed: Another seed is another image, unlike all others.
        size: ``(height, width)`` in pixels.

    Returns:
        Shape ``(height, width, 3)``, ``uint8``.
    """
    rng = np.random.default_rng(seed)
    height, width = size
    blobs = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    image = Image.fromarray(blobs).resize((width, height), Image.Resampling.BICUBIC)
    pen = ImageDraw.Draw(image)
    for _ in range(EDGES):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        w, h = rng.uniform(0.08, 0.3, 2) * (width, height)
        shape = pen.ellipse if rng.random() < 0.5 else pen.rectangle  # half of each
        red, green, blue = rng.integers(0, 256, 3).tolist()
        shape((x - w / 2, y - h / 2, x + w / 2, y + h / 2), fill=(red, green, blue))
    grain = rng.normal(0.0, TEXTURE, (height, width, 1))
    return np.clip(np.asarray(image) + grain, 0, 255).astype(np.uint8)


def encode(pixels: NDArray[Any], form: str = "PNG", **options: Any) -> bytes:
    """Return the bytes of an image file.

    Args:
        pixels: Anything `PIL.Image.fromarray` takes.
        form: Pillow's name of the format.
        **options: Of Pillow's encoder, such as ``quality=40``.
    """
    out = BytesIO()
    Image.fromarray(pixels).save(out, form, **options)
    return out.getvalue()
