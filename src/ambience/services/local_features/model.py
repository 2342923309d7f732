"""HardNet8: a network that describes the patch around each keypoint.

Pultar, "Improving the HardNet Descriptor", 2020, run by ONNX Runtime. Patches are cut
like Kornia 0.9 does (`extract_patches_from_pyramid`), as the weights were trained with.
The file of weights is written by scripts/export_hardnet8.py.
"""

from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ambience.core.errors import CorruptDataError, UnavailableError
from ambience.core.keypoints import DESCRIPTOR_DIM
from ambience.services.local_features.extract import DetectedKeypoints

PATCH_SIDE = 32
MAGNIFICATION = 6.0
"""Half the side of a patch, divided by the diameter of its keypoint.

It is the ``mrSize`` of kornia_moons for OpenCV's SIFT keypoints: the scale of a Kornia
frame is six times their size, and the side of a patch is twice that scale.
"""

UNIT = 127
"""The length of a stored descriptor, by which distances are divided.

The coordinates of a unit vector are within -1 and 1, so nothing is ever clipped.
Rounding changes a distance of 0.7 by 0.5 % (rms), and with random weights the nearest
distances within photographs by 0.8 to 1.1 %.
"""

_ZERO = 128  # the stored value of 0: 1 to 255 are used
_WHITE = 255.0  # the network takes levels from 0 to 1
_ENDS: list[tuple[str | int, ...]] = [  # the input and output of the network
    ("tensor(float)", "n", 1, PATCH_SIDE, PATCH_SIDE),
    ("tensor(float)", "n", DESCRIPTOR_DIM),
]
_BATCH = 64  # patches per run: 8 MB in the largest layer; 256 are only 7 % faster
_BINOMIAL = np.array([1, 4, 6, 4, 1], np.float32) / 16  # Burt and Adelson, 1983


class HardNetDescriber:
    """Describes keypoints with HardNet8, and again for the mirrored image.

    Args:
        path: The file of weights.

    Raises:
        UnavailableError: If it is missing or can't be used.
    """

    model = "hardnet8"
    unit = float(UNIT)

    def __init__(self, path: Path) -> None:
        self._network = HardNet8(path)
        try:
            self._network.load()
        except CorruptDataError as error:  # the user's file, not one of our stores
            raise UnavailableError(str(error)) from error

    def describe(self, found: DetectedKeypoints) -> NDArray[np.uint8]:
        """See `Describer.describe`."""
        return self._described(found, mirrored=False)

    def mirrored(
        self, _: NDArray[np.uint8], found: DetectedKeypoints | None
    ) -> NDArray[np.uint8] | None:
        """See `Describer.mirrored`; the network needs the image again."""
        return None if found is None else self._described(found, mirrored=True)

    def _described(
        self, found: DetectedKeypoints, *, mirrored: bool
    ) -> NDArray[np.uint8]:
        x, y, scales, angles = found.numbers().T
        return self._network.descriptors(
            found.gray, np.stack([x, y], 1), scales, angles, mirrored=mirrored
        )


class HardNet8:
    """The network, loaded when it is first needed; thread-safe.

    Args:
        path: An ONNX file that maps patches of shape ``(n, 1, 32, 32)`` to unit vectors
            of shape ``(n, 128)``, both ``float32``; it standardizes the patches.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = Lock()
        self._session: Any = None  # onnxruntime.InferenceSession

    def load(self) -> None:
        """Load the network, unless it is already loaded.

        Raises:
            UnavailableError: If the file is missing.
            CorruptDataError: If the file is damaged or another network.
        """
        with self._lock:
            if self._session is None:
                self._session = _opened(self._path)

    def descriptors(
        self,
        gray: NDArray[np.uint8] | NDArray[np.float32],
        places: NDArray[np.float64],
        scales: NDArray[np.float64],
        angles: NDArray[np.float64],
        *,
        mirrored: bool = False,
    ) -> NDArray[np.uint8]:
        """Return the descriptors of keypoints in the form that is stored.

        Args:
            gray: Levels 0 to 255, shape ``(height, width)``.
            places: See `Keypoints`, in pixels of ``gray``.
            scales: See `Keypoints`.
            angles: See `Keypoints`.
            mirrored: Describe the same keypoints in the mirrored image, where
                ``(x, y)`` is at ``(width - x, y)`` and an angle ``a`` is ``pi - a``.

        Returns:
            Shape ``(n, DESCRIPTOR_DIM)``; L2 distances are `UNIT` times those of the
            unit vectors.

        Raises:
            UnavailableError: See `load`.
            CorruptDataError: See `load`.
        """
        patches = cut_patches(gray, places, scales, angles)
        # As angles turn the other way, the patch is flipped along its own vertical.
        return quantized(self.vectors(patches[:, ::-1] if mirrored else patches))

    def vectors(self, patches: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the unit vectors of patches.

        Args:
            patches: What `cut_patches` returns.

        Returns:
            Shape ``(n, DESCRIPTOR_DIM)``.

        Raises:
            UnavailableError: See `load`.
            CorruptDataError: See `load`.
        """
        self.load()
        made = np.empty((len(patches), DESCRIPTOR_DIM), np.float32)
        (entry,) = self._session.get_inputs()
        for start in range(0, len(patches), _BATCH):
            batch = np.ascontiguousarray(patches[start : start + _BATCH, None])
            (made[start : start + _BATCH],) = self._session.run(
                None, {entry.name: batch}
            )
        return made


def quantized(vectors: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return unit vectors as they are stored: ``UNIT * vector + 128``, rounded."""
    return np.rint(vectors * UNIT + _ZERO).astype(np.uint8)


def cut_patches(
    gray: NDArray[np.uint8] | NDArray[np.float32],
    places: NDArray[np.float64],
    scales: NDArray[np.float64],
    angles: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Return the square around each keypoint, rotated upright.

    A square with a side of ``2 * MAGNIFICATION * scale`` is sampled bilinearly from the
    coarsest level of a pyramid that still has a pixel for each sample. Outside the
    image, its border is repeated.

    Args:
        gray: Levels 0 to 255, shape ``(height, width)``.
        places: See `Keypoints`, in pixels of ``gray``: (0, 0) is the outer corner of
            the first pixel. OpenCV and Kornia count from its center.
        scales: See `Keypoints`.
        angles: See `Keypoints`.

    Returns:
        Shape ``(n, PATCH_SIDE, PATCH_SIDE)``, 0 to 1.
    """
    levels = list(_pyramid(gray.astype(np.float32) / np.float32(_WHITE)))
    height, width = gray.shape
    halves = MAGNIFICATION * np.asarray(scales, np.float64)
    octaves = np.log2(2 * halves / PATCH_SIDE)
    chosen = np.clip(octaves, 0, len(levels) - 1).astype(np.intp)
    across = ((np.arange(PATCH_SIDE) + 0.5) * (2 / PATCH_SIDE) - 1)[None, None, :]
    down = across.swapaxes(1, 2)
    patches = np.empty((len(halves), PATCH_SIDE, PATCH_SIDE), np.float32)
    for number, level in enumerate(levels):
        own = chosen == number
        sine = (halves[own] * np.sin(angles[own]))[:, None, None]
        cosine = (halves[own] * np.cos(angles[own]))[:, None, None]
        x, y = places[own].T[:, :, None, None]
        patches[own] = _sampled(
            level,
            (x + cosine * across - sine * down) * (level.shape[1] / width),
            (y + sine * across + cosine * down) * (level.shape[0] / height),
        )
    return patches


def _pyramid(level: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Yield an image, then blur and halve it as long as a patch fits."""
    yield level
    while min(level.shape) // 2 >= PATCH_SIDE:
        level = _halved(_halved(level).T).T
        yield level


def _halved(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return an image blurred and shrunk to half its height, rounded down."""
    height = len(image)
    reflected = np.pad(image, ((2, 2), (0, 0)), mode="reflect")
    blurred = sum(
        weight * reflected[shift : shift + height]
        for shift, weight in enumerate(_BINOMIAL)
    )
    rows = (np.arange(height // 2) + 0.5) * (height / (height // 2)) - 0.5
    above = rows.astype(np.intp)  # never the last row, so there is one below
    share = (rows - above).astype(np.float32)[:, None]
    return np.asarray(blurred[above] * (1 - share) + blurred[above + 1] * share)


def _sampled(
    image: NDArray[np.float32], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Sample an image bilinearly; (0, 0) is the outer corner of the first pixel."""
    height, width = image.shape
    x, y = np.clip(x - 0.5, 0, width - 1), np.clip(y - 0.5, 0, height - 1)
    left, top = x.astype(np.intp), y.astype(np.intp)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    x, y = (x - left).astype(np.float32), (y - top).astype(np.float32)
    upper = image[top, left] * (1 - x) + image[top, right] * x
    lower = image[bottom, left] * (1 - x) + image[bottom, right] * x
    return np.asarray(upper * (1 - y) + lower * y)


def _opened(path: Path) -> Any:
    """Return a session for the network in a file, once it is known to be HardNet8."""
    if not path.is_file():
        raise UnavailableError(
            f"the weights of HardNet8 are not at {path}: "
            "write them there with scripts/export_hardnet8.py"
        )
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as states

    try:
        session: Any = onnxruntime.InferenceSession(
            path, providers=["CPUExecutionProvider"]
        )
    except (
        states.Fail,
        states.InvalidArgument,
        states.InvalidGraph,
        states.InvalidProtobuf,
        states.NotImplemented,
        states.RuntimeException,
    ) as error:
        raise CorruptDataError(
            f"{path} can't be read as an ONNX file, export it again: {error}"
        ) from error
    found = [
        (end.type, *(side if isinstance(side, int) else "n" for side in end.shape))
        for end in (*session.get_inputs(), *session.get_outputs())
    ]
    if found != _ENDS:
        raise CorruptDataError(
            f"{path} isn't HardNet8, whose input and output are {_ENDS}: "
            f"there they are {found}; export it again"
        )
    return session
