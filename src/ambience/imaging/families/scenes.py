"""Draws scenes from several places or moments: bursts, videos, stereo pairs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFilter

from ambience.core.geometry import Matrix, shift, stretch
from ambience.imaging.edits.edited_image import Pixels
from ambience.imaging.edits.geometry import turn
from ambience.imaging.families.family import EACH, FamilyImage, of_group, of_image
from ambience.imaging.families.lettering import Rng, covering, taken

_FRAME: Final = (480, 640)
_ROOM: Final = (
    1.2  # sides of the scene that the camera moves over, in sides of the frame
)
_GRAIN: Final = 3.0  # standard deviation of a sensor's noise, in gray levels
_EXPOSURE: Final = 0.04  # the largest change in brightness between shots
_DEPTHS: Final = (6, 8)  # the size of a depth map before it is enlarged smoothly
_DISPARITY: Final = (0.01, 0.05)  # of the width: the range of how far near things move
_FAR: Final = 0.25  # how far the farthest things move, as a share of the nearest


@dataclass(frozen=True, slots=True)
class _Thing:
    """A moving thing, cut out of a photograph."""

    colors: Pillow.Image
    outline: Pillow.Image
    place: tuple[float, float]
    way: tuple[float, float]

    def put(self, picture: Pillow.Image, moment: float, nearer: Matrix) -> None:
        x = self.place[0] + moment * self.way[0] + nearer[0, 2]
        y = self.place[1] + moment * self.way[1] + nearer[1, 2]
        picture.paste(self.colors, (round(x), round(y)), self.outline)


def burst(number: int, photographs: Sequence[Pixels]) -> FamilyImage:
    """Return a shot of a burst: the camera and the things in front of it move.

    Things nearer to the camera move more.
    """
    shared, own = of_group("burst", number), of_image("burst", number)
    background, other = taken(photographs, number // EACH, 2)
    things = _things(shared, other, count=int(shared.integers(2, 5)))
    away = own.uniform(-0.045, 0.045, 2) * _FRAME[::-1]
    angle, zoom = math.radians(own.uniform(-1.5, 1.5)), own.uniform(0.97, 1.03)
    seen = _seen(background, away, angle, zoom)
    moment = number % EACH + own.uniform(-0.2, 0.2)
    for nearness, thing in enumerate(things, 1):
        thing.put(seen, moment, shift(*(-away * 0.4 * nearness)))
    scene = f"burst {number // EACH}"
    return FamilyImage(_exposed(seen, own), scene=scene)


def video(number: int, photographs: Sequence[Pixels]) -> FamilyImage:
    """Return a video frame from a still camera: only things in front of it move."""
    shared, own = of_group("video", number), of_image("video", number)
    background, other = taken(photographs, number // EACH, 2)
    things = _things(shared, other, count=int(shared.integers(2, 4)))
    seen = _seen(background, np.zeros(2), 0.0, 1.0)
    for thing in things:
        thing.put(seen, number % EACH + own.uniform(-0.3, 0.3), np.eye(3))
    return FamilyImage(_exposed(seen, own), scene=f"video {number // EACH}")


def stereo(number: int, photographs: Sequence[Pixels]) -> FamilyImage:
    """Return a scene from one of several neighboring places; near things move more."""
    shared, own = of_group("stereo", number), of_image("stereo", number)
    (photograph,) = taken(photographs, number // EACH, 1)
    scene = covering(photograph, _FRAME)
    height, width = _FRAME
    depths = Pillow.fromarray(shared.random(_DEPTHS, dtype=np.float32))
    smooth = depths.resize((width, height), Pillow.Resampling.BICUBIC)
    near: NDArray[np.float32] = np.clip(np.array(smooth), 0, 1)
    near = np.maximum(near, _standing(shared))
    reach = shared.uniform(*_DISPARITY) * width
    moved = (number % EACH - (EACH - 1) / 2) * reach * (_FAR + (1 - _FAR) * near)
    x = np.clip(np.arange(width) + moved, 0, width - 1.001)
    left = x.astype(np.intp)
    part = (x - left)[..., None]
    rows = np.arange(height)[:, None]
    pixels = scene[rows, left] * (1 - part) + scene[rows, left + 1] * part
    picture = Pillow.fromarray(np.rint(pixels).astype(np.uint8))
    return FamilyImage(_exposed(picture, own), scene=f"stereo {number // EACH}")


def _standing(rng: Rng) -> NDArray[np.float32]:
    """Return a map of how near random things are, 0 where there are none."""
    height, width = _FRAME
    picture = Pillow.new("F", (width, height))
    pen = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(2, 5))):
        x, y = rng.uniform(0, width), rng.uniform(height / 3, height)
        w, h = rng.uniform(30, 110, 2)
        pen.ellipse((x - w, y - h, x + w, y + h), fill=float(rng.uniform(0.6, 1)))
    return np.array(picture)


def _things(rng: Rng, photograph: Pixels, *, count: int) -> list[_Thing]:
    """Cut things out of a photograph, each with a place and a direction."""
    height, width = _FRAME
    source = Pillow.fromarray(covering(photograph, _FRAME))
    things = []
    for _ in range(count):
        high, wide = (int(side) for side in rng.uniform(0.15, 0.4, 2) * height)
        x, y = int(rng.integers(0, width - wide)), int(rng.integers(0, height - high))
        outline = Pillow.new("L", (wide, high))
        ImageDraw.Draw(outline).ellipse((2, 2, wide - 3, high - 3), fill=255)
        way = rng.uniform(18, 60) * np.exp(1j * rng.uniform(0, 2 * math.pi))
        things.append(
            _Thing(
                source.crop((x, y, x + wide, y + high)),
                outline.filter(ImageFilter.GaussianBlur(1)),
                (rng.uniform(0, width - wide), rng.uniform(0, height - high)),
                (way.real, way.imag),
            )
        )
    return things


def _seen(
    photograph: Pixels, away: NDArray[np.float64], angle: float, zoom: float
) -> Pillow.Image:
    """Return a camera's view of a photograph that is larger than its frame."""
    height, width = _FRAME
    whole = covering(photograph, (round(height * _ROOM), round(width * _ROOM)))
    middle = shift(whole.shape[1] / 2 + away[0], whole.shape[0] / 2 + away[1])
    turned = stretch(1 / zoom, 1 / zoom) @ turn(math.sin(angle), math.cos(angle))
    back = middle @ turned @ shift(-width / 2, -height / 2)
    return Pillow.fromarray(whole).transform(
        (width, height),
        Pillow.Transform.AFFINE,
        back[:2].ravel().tolist(),
        Pillow.Resampling.BICUBIC,
    )


def _exposed(picture: Pillow.Image, rng: Rng) -> Pixels:
    """Return a view with the exposure and noise of a sensor."""
    gain = rng.uniform(1 - _EXPOSURE, 1 + _EXPOSURE)
    grain = rng.standard_normal((*_FRAME, 3), np.float32) * _GRAIN
    colors = np.clip(np.rint(np.array(picture) * gain + grain), 0, 255)
    return colors.astype(np.uint8)
