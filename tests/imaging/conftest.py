"""Pictures to encode: a photograph from scikit-image's own files, and a drawn one."""

import importlib.util
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pillow_heif
import pytest
from PIL import Image

Encoded: TypeAlias = Callable[..., bytes]


@pytest.fixture(scope="session")
def photograph_files() -> Path:
    found = importlib.util.find_spec("skimage")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "data"


@pytest.fixture(scope="session")
def photograph(photograph_files: Path) -> Image.Image:
    """A photograph of 900 x 700 pixels, RGB."""
    with Image.open(photograph_files / "astronaut.png") as picture:
        return picture.convert("RGB").resize((900, 700), Image.Resampling.BICUBIC)


@pytest.fixture(scope="session")
def arrow() -> Image.Image:
    """A picture of 96 x 64 pixels that differs from all its turned versions."""
    pixels = np.full((64, 96, 3), 240, dtype=np.uint8)
    pixels[:32, :32] = (200, 30, 30)
    pixels[32:, 64:] = (30, 30, 200)
    pixels[:16, 64:] = (30, 160, 30)
    return Image.fromarray(pixels)


@pytest.fixture(scope="session")
def encoded() -> Encoded:
    """Encode a picture: ``encoded(picture, "JPEG", quality=90)``."""

    def encode(picture: Image.Image, kind: str, **options: Any) -> bytes:
        file = BytesIO()
        if kind == "HEIC":
            pillow_heif.from_pillow(picture).save(file, **options)
        else:
            picture.save(file, kind, **options)
        return file.getvalue()

    return encode
