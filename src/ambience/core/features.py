"""Features: what a service stores about an image, and how two of them are compared."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, NewType, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ambience.core.orientation import Orientation

ImageId = NewType("ImageId", int)
"""The integer key of an image, ``0 <= image_id <= MAX_IMAGE_ID``."""

WORKING_SIDE = 640
"""The longest side of an image in pixels, unless an extractor wants another size. It is
enough to find crops of a third, and a 12 MP image has 40 times as many pixels."""

CLOSER_LOOK = 2
"""How many times as large a query is looked at if nothing was found in it at first."""

MAX_IMAGE_ID = 2**53 - 1  # the largest id that JSON readers with 64-bit floats keep

Rows: TypeAlias = NDArray[Any]
"""Feature rows, shape ``(n, spec.dim)``, dtype ``spec.dtype``."""


class Metric(StrEnum):
    """How the distance between two rows is measured. Smaller is always nearer."""

    HAMMING = "hamming"  # differing bits, 0 .. 8 * dim
    L1 = "l1"  # sum of absolute differences
    L2 = "l2"  # Euclidean
    COSINE = "cosine"  # 1 - the cosine of the angle


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """The shape and meaning of one feature row.

    Attributes:
        dim: The number of columns of a row.
        dtype: The NumPy dtype of a column, by name.
        metric: How two rows are compared.
        version: Raised whenever the extractor's output changes, so that features
            made by an older one are refused instead of silently mixed in.
        scale: Distances are divided by it, so that rows can hold integers.
        model: What computes the rows, if a service has several models. Rows of
            different models can't be compared.
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
    """What a service stores about one image.

    Attributes:
        rows: Shape ``(r, dim)``, ``r >= 1``: one row, or several if the image has
            several appearances (a transparent one, on different backgrounds). The
            distance between two features is that between their nearest rows.
        quality: How much the rows say about the image, 0 (nothing: a blank page) to 1.
    """

    rows: Rows
    quality: float = 1.0


@dataclass(frozen=True, slots=True)
class Image:
    """A decoded image at a working size, as the services that want that size see it.

    Attributes:
        pixels: Upright sRGB on white, shape ``(height, width, 3)``, ``uint8``,
            read-only; the longest side is at most `Extractor.working_side`.
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
        orientations: For each row, the name of the
            `ambience.core.orientation.Orientation` that the query was turned to; empty
            if turning makes no difference.
        quality: See `Feature.quality`.
    """

    rows: Rows
    orientations: tuple[str, ...] = ()
    quality: float = 1.0

    def by_orientation(self) -> dict[Orientation, Rows]:
        """Return the rows of each orientation, in the order of their first rows."""
        names = np.array(self.orientations)
        return {
            Orientation(name): self.rows[names == name]
            for name in dict.fromkeys(self.orientations)
        }


class Extractor(Protocol):
    """Turns decoded images into features: no I/O, no clock, no randomness."""

    @property
    def spec(self) -> FeatureSpec:
        """The specification of the rows."""
        ...

    @property
    def working_side(self) -> int:
        """The longest side of the images to give it, in pixels; none is enlarged."""
        ...

    def extract(self, images: Sequence[Image]) -> list[Feature]:
        """Return one feature per image, in order."""
        ...

    def query(self, image: Image) -> Query:
        """Return what to search with for an image."""
        ...

    def query_from(self, feature: Feature) -> Query:
        """Return what to search with if only the feature of an image is available."""
        ...


@runtime_checkable
class Turning(Protocol):
    """An extractor whose rows can be turned without the image."""

    def turned(self, rows: Rows) -> Iterator[Rows]:
        """Yield rows of shape ``(n, dim)`` in the seven orientations besides upright.

        Each array has the shape of the given one.
        """
        ...
