"""Where a query lies on an image, in numbers and as JSON."""

from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ambience.core.geometry import Matrix, Points, mapped
from ambience.core.keypoints import Keypoints


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Where a query and an image show the same.

    Attributes:
        transform: Maps pixels of the query to pixels of the image, as displayed; shape
            ``(3, 3)``.
        matches: Number of matched keypoints, explained by the transform or not.
        query_points: The inliers in pixels of the query, shape ``(n, 2)``.
        image_points: The inliers in pixels of the image, shape ``(n, 2)``.
        query_region: Outline of the common region, in pixels of the query.
        image_region: Outline of the common region, in pixels of the image.
        query_overlap: Share of the query's area that is common, 0 to 1.
        image_overlap: Share of the image's area that is common, 0 to 1.
        scale: Size of a query pixel in the image, in pixels along a side.
        rotation: Rotation from the query to the image, in radians clockwise.
        confidence: The probability that this is no coincidence, 0 to 1.
        mirrored: Whether the query is mirrored left to right before it is rotated.
    """

    transform: Matrix
    matches: int
    query_points: Points
    image_points: Points
    query_region: Points
    image_region: Points
    query_overlap: float
    image_overlap: float
    scale: float
    rotation: float
    confidence: float
    mirrored: bool = False

    def unmirrored(self, width: int) -> "Placement":
        """Return the placement of a query, given that of its mirror image.

        Args:
            width: Width of the query in pixels.
        """
        mirror = np.array([(-1, 0, width), (0, 1, 0), (0, 0, 1)], np.float64)
        return Placement(
            transform=self.transform @ mirror,
            matches=self.matches,
            query_points=mapped(mirror, self.query_points),
            image_points=self.image_points,
            query_region=mapped(mirror, self.query_region),
            image_region=self.image_region,
            query_overlap=self.query_overlap,
            image_overlap=self.image_overlap,
            scale=self.scale,
            rotation=self.rotation,
            confidence=self.confidence,
            mirrored=True,
        )

    def details(self, *, points: bool) -> dict[str, Any]:
        """Return everything but the confidence as JSON values.

        Args:
            points: Include the inliers, as ``[x, y, x, y]`` in the query and the image.
        """
        details: dict[str, Any] = {
            "inliers": len(self.query_points),
            "matches": self.matches,
            "query_overlap": round(self.query_overlap, 4),
            "image_overlap": round(self.image_overlap, 4),
            "mirrored": self.mirrored,
            "rotation_degrees": round(float(np.degrees(self.rotation)), 2) + 0.0,
            "scale": round(self.scale, 4),
            "transform": self.transform.tolist(),
            "query_region": _rounded(self.query_region),
            "image_region": _rounded(self.image_region),
        }
        if points:
            pairs = np.hstack([self.query_points, self.image_points])
            details["points"] = _rounded(pairs)
        return details


P = TypeVar("P")


class Verifier(Protocol[P]):
    """Finds where two images show the same."""

    def prepared(self, keypoints: Keypoints) -> P:
        """Return keypoints prepared to be compared with many others."""
        ...

    def placed(self, query: P, image: P) -> Placement | None:
        """Return where a query lies on an image, or ``None``."""
        ...


def _rounded(numbers: NDArray[np.float64]) -> list[list[float]]:
    rounded: list[list[float]] = (np.round(numbers, 2) + 0.0).tolist()  # no -0.0
    return rounded
