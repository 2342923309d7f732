"""The font and the colors of drawn text."""

import numpy as np
from PIL import ImageFont


def pillow_font(letters: float) -> ImageFont.FreeTypeFont:
    """Return the font that comes with Pillow.

    Args:
        letters: The height of its letters in pixels; below 1 counts as 1.
    """
    font = ImageFont.load_default(size=max(1.0, letters))
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise TypeError("this Pillow was built without FreeType: install its wheel")
    return font


def random_color(
    rng: np.random.Generator, low: int = 0, high: int = 256
) -> tuple[int, int, int]:
    """Return a random color, its channels from ``low`` to below ``high``."""
    red, green, blue = rng.integers(low, high, 3).tolist()
    return red, green, blue
