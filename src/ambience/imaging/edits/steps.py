"""The steps that edits consist of: each takes a copy and returns another."""

import math
from collections.abc import Callable
from io import BytesIO
from typing import Final, TypeAlias

import numpy as np
from PIL import Image as Pillow
from PIL import ImageEnhance, ImageFilter

from ambience.core.geometry import Matrix, Size, outline, shift, stretch
from ambience.imaging.edits.edited_image import Edited, moved, recolored
from ambience.imaging.edits.geometry import (
    about_centers,
    between,
    size_around,
    size_inside,
    turn,
)

Step: TypeAlias = Callable[[Edited, np.random.Generator], Edited]

_BLUR: Final = 1 / 320  # of the longest side: 1.5 pixels of 480
_NOISE: Final = 10.0  # standard deviation, in gray levels
_BRIGHTNESS: Final = 1.2
_SATURATION: Final = 1.3
_TINT: Final = 0.2  # the most that a channel gains or loses
_WHITE: Final = 255
_BORDER: Final = 0.06  # of the longest side
_BEND: Final = 0.06  # of the sides: a print photographed by hand
_CORNERS: Final = (128, 128, 128)  # gray, where a turned image leaves corners empty


# Colors


def painted(paint: Callable[[Pillow.Image], Pillow.Image]) -> Step:
    """Return a step that draws on a copy, or changes its colors."""

    def step(edited: Edited, _rng: np.random.Generator) -> Edited:
        return recolored(edited, np.array(paint(Pillow.fromarray(edited.pixels))))

    return step


def jpeg(quality: int) -> Step:
    """Return a step that saves a copy as a JPEG."""

    def saved(picture: Pillow.Image) -> Pillow.Image:
        file = BytesIO()
        picture.save(file, "JPEG", quality=quality)
        return Pillow.open(file)

    return painted(saved)


@painted
def blurred(picture: Pillow.Image) -> Pillow.Image:
    """Blur like a lens out of focus, in proportion to the size."""
    return picture.filter(ImageFilter.GaussianBlur(max(picture.size) * _BLUR))


@painted
def gray(picture: Pillow.Image) -> Pillow.Image:
    """Remove the color."""
    return picture.convert("L").convert("RGB")


@painted
def vivid(picture: Pillow.Image) -> Pillow.Image:
    """Raise brightness and saturation."""
    brighter = ImageEnhance.Brightness(picture).enhance(_BRIGHTNESS)
    return ImageEnhance.Color(brighter).enhance(_SATURATION)


def noisy(edited: Edited, rng: np.random.Generator) -> Edited:
    """Add grain."""
    grain = rng.standard_normal(edited.pixels.shape, np.float32) * _NOISE
    colors = np.clip(np.rint(edited.pixels + grain), 0, _WHITE)
    return recolored(edited, colors.astype(np.uint8))


def tinted(edited: Edited, rng: np.random.Generator) -> Edited:
    """Make each channel stronger or weaker."""
    gains = rng.uniform(1 - _TINT, 1 + _TINT, 3).astype(np.float32)
    colors = np.minimum(np.rint(edited.pixels * gains), _WHITE)
    return recolored(edited, colors.astype(np.uint8))


# Places


def resized_to(edited: Edited, size: Size) -> Edited:
    """Return a copy resized to a size in pixels, with antialiasing."""
    (height, width), (old_height, old_width) = size, edited.size
    picture = Pillow.fromarray(edited.pixels)
    pixels = np.array(picture.resize((width, height), Pillow.Resampling.LANCZOS))
    return moved(edited, pixels, stretch(old_width / width, old_height / height))


def fitted(size: Size, box: Size) -> Size:
    """Return the largest size of the same shape within a box."""
    scale = min(box[0] / size[0], box[1] / size[1])
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def halved(edited: Edited, _rng: np.random.Generator) -> Edited:
    """Halve both sides."""
    height, width = edited.size
    return resized_to(edited, (max(1, height // 2), max(1, width // 2)))


def squeezed(edited: Edited, _rng: np.random.Generator) -> Edited:
    """Set both sides to their mean."""
    side = round(sum(edited.size) / 2)
    return resized_to(edited, (side, side))


def thumbnail(side: int) -> Step:
    """Return a step that shrinks the longest side to this many pixels."""

    def step(edited: Edited, _rng: np.random.Generator) -> Edited:
        box = min(side, max(edited.size))
        return resized_to(edited, fitted(edited.size, (box, box)))

    return step


def mirrored(edited: Edited, _rng: np.random.Generator) -> Edited:
    """Swap left and right."""
    back = about_centers(stretch(-1, 1), edited.size, edited.size)
    return moved(edited, edited.pixels[:, ::-1], back)


def flipped(edited: Edited, _rng: np.random.Generator) -> Edited:
    """Swap top and bottom."""
    back = about_centers(stretch(1, -1), edited.size, edited.size)
    return moved(edited, edited.pixels[::-1], back)


def upside_down(edited: Edited, _rng: np.random.Generator) -> Edited:
    """Turn by 180 degrees."""
    back = about_centers(stretch(-1, -1), edited.size, edited.size)
    return moved(edited, edited.pixels[::-1, ::-1], back)


def quarter_turned(edited: Edited, rng: np.random.Generator) -> Edited:
    """Turn by 90 degrees in either direction."""
    way = _either_way(rng)
    size = edited.size[1], edited.size[0]
    back = about_centers(turn(way, 0), size, edited.size)
    return moved(edited, np.rot90(edited.pixels, way), back)


def turned(degrees: float) -> Step:
    """Return a step that turns in either direction and keeps the whole image."""
    return _turned(degrees, size_around)


def turned_inside(degrees: float) -> Step:
    """Return a step that turns in either direction and cuts off empty corners."""
    return _turned(degrees, size_inside)


def _turned(degrees: float, new_size: Callable[[Size, float], Size]) -> Step:
    def step(edited: Edited, rng: np.random.Generator) -> Edited:
        angle = math.radians(degrees) * _either_way(rng)
        size = new_size(edited.size, angle)
        linear = turn(math.sin(angle), math.cos(angle))
        return _warped(edited, size, about_centers(linear, size, edited.size))

    return step


def cropped(share: float) -> Step:
    """Return a step that keeps this share of both sides, at a random place."""

    def step(edited: Edited, rng: np.random.Generator) -> Edited:
        height, width = (max(1, round(side * share)) for side in edited.size)
        y = int(rng.integers(edited.size[0] - height, endpoint=True))
        x = int(rng.integers(edited.size[1] - width, endpoint=True))
        return moved(edited, edited.pixels[y : y + height, x : x + width], shift(x, y))

    return step


def bent(edited: Edited, rng: np.random.Generator) -> Edited:
    """Change the perspective a little, so that the image still fills the frame."""
    frame = outline(edited.size)
    inwards = np.where(frame > 0, -1, 1) * edited.size[::-1]
    corners = frame + inwards * rng.uniform(0, _BEND, frame.shape)
    return _warped(edited, edited.size, between(frame, corners))


def bordered(edited: Edited, _rng: np.random.Generator) -> Edited:
    """Put a white frame around it."""
    border = max(1, round(max(edited.size) * _BORDER))
    margins = ((border, border), (border, border), (0, 0))
    pixels = np.pad(edited.pixels, margins, constant_values=_WHITE)
    return moved(edited, pixels, shift(-border, -border))


def _warped(edited: Edited, size: Size, back: Matrix) -> Edited:
    # Pillow adds half a pixel before it applies the matrix, so it uses our coordinates.
    picture = Pillow.fromarray(edited.pixels).transform(
        (size[1], size[0]),
        Pillow.Transform.PERSPECTIVE,
        back.ravel()[:-1].tolist(),  # the last is 1
        Pillow.Resampling.BICUBIC,
        fillcolor=_CORNERS,
    )
    return moved(edited, np.array(picture), back)


def _either_way(rng: np.random.Generator) -> int:
    return 1 if rng.random() < 1 / 2 else -1
