"""HardNet8 and its patches, written slowly from their definitions."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

SIDE = 32
CHANNELS = (1, 32, 32, 64, 64, 128, 128, 256, 512)
POSITIONS = (0, 3, 6, 9, 12, 15, 18, 22)  # of the convolutions in Kornia's state dict
HALVING = (6, 12)
LAST = 22  # its kernel covers all that is left of a patch
DIM = 128


def seeded_state() -> dict[str, NDArray[np.float32]]:
    """Return random weights of full size under Kornia's names: always the same."""
    random = np.random.default_rng(8).random  # of all streams, the least likely to move

    def between(low: float, high: float, *shape: int) -> NDArray[np.float32]:
        return (low + (high - low) * random(shape)).astype(np.float32)

    state: dict[str, NDArray[np.float32]] = {}
    for position, came, go in zip(POSITIONS, CHANNELS, CHANNELS[1:], strict=False):
        side = 8 if position == LAST else 3
        reach = np.sqrt(6 / (came * side * side))  # He et al., 2015
        weight = between(-reach, reach, go, came, side, side)
        state[f"features.{position}.weight"] = weight
        state[f"features.{position + 1}.running_mean"] = between(-0.3, 0.3, go)
        state[f"features.{position + 1}.running_var"] = between(0.5, 1.5, go)
    state["mean"] = between(-0.05, 0.05, CHANNELS[-1])
    state["components"] = between(-0.05, 0.05, CHANNELS[-1], DIM)
    return state


def slow_vectors(
    patches: NDArray[np.float32], state: dict[str, NDArray[np.float32]]
) -> Floats:
    """Return the vectors of patches, in double precision."""
    flow = patches.astype(np.float64)[:, None]
    spread = flow.std(axis=(1, 2, 3), ddof=1, keepdims=True)
    flow = (flow - flow.mean(axis=(1, 2, 3), keepdims=True)) / (spread + 1e-7)
    for position in POSITIONS:
        weight = state[f"features.{position}.weight"].astype(np.float64)
        if position != LAST:
            flow = np.pad(flow, ((0, 0), (0, 0), (1, 1), (1, 1)))
        flow = _convolved(flow, weight, stride=2 if position in HALVING else 1)
        mean = state[f"features.{position + 1}.running_mean"][:, None, None]
        variance = state[f"features.{position + 1}.running_var"].astype(np.float64)
        flow = (flow - mean) / np.sqrt(variance + 1e-5)[:, None, None]
        if position != LAST:
            flow = np.maximum(flow, 0)
    return _unit((_unit(flow[:, :, 0, 0]) - state["mean"]) @ state["components"])


def _convolved(flow: Floats, weight: Floats, *, stride: int) -> Floats:
    side = weight.shape[-1]
    height, width = (n - side + 1 for n in flow.shape[2:])
    out = np.zeros((len(flow), len(weight), height, width))
    for i in range(side):
        for j in range(side):
            seen = flow[:, :, i : i + height, j : j + width]
            out += np.einsum("nchw,oc->nohw", seen, weight[:, :, i, j], optimize=True)
    return out[:, :, ::stride, ::stride]


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def slow_patch(
    gray: NDArray[np.uint8], x: float, y: float, scale: float, angle: float
) -> Floats:
    """Return one patch, 0 to 1, point by point.

    Args:
        gray: Shape ``(height, width)``.
        x: To the right of the image's left edge, in pixels.
        y: Below its upper edge.
        scale: Diameter of the keypoint.
        angle: Radians, clockwise.
    """
    half = 6 * scale
    levels = list(_pyramid(gray / 255))
    fitting = [n for n in range(len(levels)) if 2 * half / 2**n >= SIDE]
    level = levels[max(fitting, default=0)]
    right = half * np.array([np.cos(angle), np.sin(angle)])
    below = half * np.array([-np.sin(angle), np.cos(angle)])
    shrunk = np.array(level.shape[::-1]) / gray.shape[::-1]
    patch = np.zeros((SIDE, SIDE))
    for row in range(SIDE):
        for column in range(SIDE):
            u, v = (2 * column + 1) / SIDE - 1, (2 * row + 1) / SIDE - 1
            px, py = (np.array([x, y]) + u * right + v * below) * shrunk
            patch[row, column] = _between(level, px, py)
    return patch


def _pyramid(level: Floats) -> Iterator[Floats]:
    """Yield an image, and smaller ones as long as a patch fits into them."""
    yield level
    while min(level.shape) // 2 >= SIDE:
        level = _halved(level)
        yield level


def _halved(image: Floats) -> Floats:
    """Blur with the 5 x 5 binomial kernel, then look between the pixels."""
    kernel = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256
    height, width = image.shape
    wide = np.pad(image, 2, mode="reflect")
    blurred = sum(
        kernel[i, j] * wide[i : i + height, j : j + width]
        for i in range(5)
        for j in range(5)
    )
    half = np.zeros((height // 2, width // 2))
    for row in range(height // 2):
        for column in range(width // 2):
            x = (column + 0.5) * width / (width // 2)
            y = (row + 0.5) * height / (height // 2)
            half[row, column] = _between(np.asarray(blurred), x, y)
    return half


def _between(image: Floats, x: float, y: float) -> float:
    """Return an image at a point; (0, 0) is the outer corner of its first pixel."""
    height, width = image.shape
    x, y = min(max(x - 0.5, 0), width - 1), min(max(y - 0.5, 0), height - 1)
    left, top = int(x), int(y)
    right, bottom = min(left + 1, width - 1), min(top + 1, height - 1)
    upper = image[top, left] * (left + 1 - x) + image[top, right] * (x - left)
    lower = image[bottom, left] * (left + 1 - x) + image[bottom, right] * (x - left)
    return float(upper * (top + 1 - y) + lower * (y - top))
