"""The row stored for one keypoint: its descriptor, place, scale and angle.

Rows of an image are `ROW`s, stored as plain bytes. The first of them is its *frame*,
which holds the size of the image, so an image without keypoints has a row too.
Places are fractions of the image's sides, so they hold at any size.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ambience.core.features import Rows

DESCRIPTOR_DIM = 128

ROW = np.dtype(
    [
        ("descriptor", "u1", (DESCRIPTOR_DIM,)),
        ("x", "<u2"),  # fraction of the width, 0 to 1 in 65535 steps
        ("y", "<u2"),  # fraction of the height
        ("scale", "<u2"),  # logarithm of the fraction of the longest side; 0: a frame
        ("angle", "<u2"),  # a full turn in 65536 steps, clockwise as displayed
    ]
)

STEPS = 65535
TURN = 65536
_FRAME = np.dtype([("height", "<u4"), ("width", "<u4"), ("rest", "u1", (128,))])
_OCTAVE = 4096  # steps of `scale` in a doubling: 0.02 % each
_COARSE = 8  # bits dropped from an angle and a scale: 8 are left
_OCTAVES = 15.9  # the smallest scale is 2 ** -15.9 of the longest side


@dataclass(frozen=True, slots=True, eq=False)
class Keypoints:
    """The ``n >= 0`` keypoints of one image.

    Attributes:
        size: Full ``(height, width)`` of the image in pixels, as displayed.
        places: ``(x, y)`` in these pixels, shape ``(n, 2)``, ``float64``; (0, 0) is the
            outer corner of the first pixel.
        scales: Diameters in these pixels, shape ``(n,)``, ``float64``.
        angles: Radians, clockwise as displayed, shape ``(n,)``, ``float64``.
        descriptors: Shape ``(n, DESCRIPTOR_DIM)``, ``uint8``.
    """

    size: tuple[int, int]
    places: NDArray[np.float64]
    scales: NDArray[np.float64]
    angles: NDArray[np.float64]
    descriptors: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.descriptors)

    def __getitem__(self, chosen: NDArray[np.intp] | slice) -> "Keypoints":
        return Keypoints(
            self.size,
            self.places[chosen],
            self.scales[chosen],
            self.angles[chosen],
            self.descriptors[chosen],
        )


def pack(keypoints: Keypoints) -> Rows:
    """Return keypoints as rows, the frame first.

    Returns:
        Shape ``(n + 1, ROW.itemsize)``, ``uint8``.
    """
    height, width = keypoints.size
    rows = np.zeros(len(keypoints) + 1, ROW)
    frame = rows[:1].view(_FRAME)
    frame["height"], frame["width"] = height, width
    body = rows[1:]
    body["descriptor"] = keypoints.descriptors
    shares = np.clip(keypoints.places / (width, height), 0, 1)
    body["x"], body["y"] = np.rint(shares * STEPS).astype(np.uint16).T
    octaves = np.log2(keypoints.scales / max(height, width)) + _OCTAVES
    body["scale"] = np.clip(np.rint(octaves * _OCTAVE), 1, STEPS).astype(np.uint16)
    turns = np.rint(keypoints.angles * (TURN / (2 * np.pi))).astype(np.int64)
    body["angle"] = (turns % TURN).astype(np.uint16)
    return rows.view(np.uint8).reshape(-1, ROW.itemsize)


def unpack(rows: Rows) -> Keypoints:
    """Return the keypoints in rows.

    Raises:
        ValueError: If the rows don't begin with a frame.
    """
    packed = np.ascontiguousarray(rows).view(ROW)[:, 0]
    if not len(packed) or packed["scale"][0] != 0:
        raise ValueError("the rows of an image must begin with its frame")
    frame = packed[:1].view(_FRAME)
    height, width = int(frame["height"][0]), int(frame["width"][0])
    body = packed[1:]
    shares = np.stack([body["x"], body["y"]], axis=1) / STEPS
    octaves = body["scale"] / _OCTAVE - _OCTAVES
    return Keypoints(
        (height, width),
        shares * (width, height),
        np.exp2(octaves) * max(height, width),
        body["angle"] * (2 * np.pi / TURN),
        body["descriptor"],
    )


def coarse_poses(rows: Rows) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the angles and scales of keypoints in coarse steps.

    Args:
        rows: Without frames, shape ``(n, ROW.itemsize)``.

    Returns:
        Angles in 256ths of a turn, and scales in sixteenths of an octave, 0 to 255;
        both of shape ``(n,)``.
    """
    packed = np.ascontiguousarray(rows).view(ROW)[:, 0]
    angles = (packed["angle"] >> _COARSE).astype(np.uint8)
    return angles, (packed["scale"] >> _COARSE).astype(np.int64)


def without_frames(rows: Rows) -> NDArray[np.bool_]:
    """Return which rows of many images are keypoints, shape ``(n,)``."""
    return np.asarray(np.ascontiguousarray(rows).view(ROW)[:, 0]["scale"] != 0)
