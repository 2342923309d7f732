"""Features: what a service keeps of an image, and how two of them are compared."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, NewType, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

ImageId = NewType("ImageId", int)
"""The integer key of an image, ``0 <= image_id <= MAX_IMAGE_ID``."""

MAX_IMAGE_ID = 2**53 - 1  # the largest that JSON readers with 64-bit floats keep exact

Rows: TypeAlias = NDArray[Any]
"""Feature rows, shape ``(n, spec.dim)``, dtype ``spec.dtype``."""


class Metric(StrEnum):
    """How the distance of two rows is measured. Smaller is always nearer."""

    HAMMING = "hamming"  # differing bits, 0 .. 8 * dim
    L1 = "l1"  # sum of absolute differences
    L2 = "l2"  # Euclidean
    COSINE = "cosine"  # 1 - the cosine of the angle


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """The shape and meaning of one feature row.

    Attributes:
        dim: Columns of a row.
        dtype: NumPy dtype name of a column.
        metric: How two rows are compared.
        version: Raised whenever the extractor's output changes, so that features
            made by an older one are refused instead of silently mixed in.
        scale: Distances are divided by it: rows may hold whole parts of a unit.
        model: What makes the rows, where a service has several ways to; they don't mix.
    """

    dim: int
    dtype: str
    metric: Metric
    version: int = 1
    scale: float = 1.0
    model: str = ""

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return self.dim * np.dtype(self.dtype).itemsize

    def as_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, for JSON; an empty model is left out."""
        fields = asdict(self)
        return (
            fields if self.model else {k: v for k, v in fields.items() if k != "model"}
        )


@dataclass(frozen=True, slots=True, eq=False)
class Feature:
    """What a service keeps of one image.

    Attributes:
        rows: Shape ``(r, dim)``, ``r >= 1``: one row, or more where one image has
            several faces (a transparent one, on several backgrounds). The distance
            of two features is that of their nearest rows.
        quality: How much the rows say about the image, 0 (nothing: a blank page) to 1.
    """

    rows: Rows
    quality: float = 1.0


@dataclass(frozen=True, slots=True)
class Image:
    """A decoded image at working size, as every service sees it.

    Attributes:
        pixels: Upright sRGB on white, shape ``(height, width, 3)``, ``uint8``,
            read-only; the longest side is at most `ambience.imaging.WORKING_SIDE`.
        alpha: Opacity at the same size, shape ``(height, width)``, ``uint8``, 255 is
            opaque; ``None`` for an image without transparency.
        size: Full ``(height, width)`` in pixels, as displayed.
    """

    pixels: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    size: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """What a search compares with the stored rows.

    Attributes:
        rows: Shape ``(q, dim)``. The nearest of them counts.
        orientations: One name a row: how the query was turned for it, from
            `ambience.core.orientation.Orientation`; empty where it makes no difference.
        quality: As `Feature.quality`.
    """

    rows: Rows
    orientations: tuple[str, ...] = ()
    quality: float = 1.0


class Extractor(Protocol):
    """Turns decoded images into features: no I/O, no clock, no randomness."""

    @property
    def spec(self) -> FeatureSpec:
        """What the rows are."""
        ...

    def extract(self, images: Sequence[Image]) -> list[Feature]:
        """Return one feature per image, in order."""
        ...

    def query(self, image: Image) -> Query:
        """Return what to search with for an image."""
        ...

    def query_from(self, feature: Feature) -> Query:
        """Return what to search with for an image of which only the feature is left."""
        ...


@runtime_checkable
class Turning(Protocol):
    """An extractor whose rows can be turned without the image."""

    def turned(self, rows: Rows) -> Iterator[Rows]:
        """Return rows of shape ``(n, dim)`` turned or mirrored, one way after another.

        The seven ways other than upright, each of the same shape.
        """
        ...
