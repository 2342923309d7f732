"""Where a query lies on an image, and how that is told."""

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
        transform: Takes pixels of the query to pixels of the image, as displayed.
        matches: How many keypoints were nearest to each other.
        query_points: Where those are that the transform explains, ``(n, 2)``.
        image_points: The same keypoints in the image, ``(n, 2)``.
        query_region: Outline of what is common, in pixels of the query.
        image_region: The same in pixels of the image.
        query_overlap: Share of the query's area that it covers, 0 to 1.
        image_overlap: Share of the image's area.
        scale: Pixels of the image for one of the query, along a side.
        rotation: How the query is turned to lie on the image, radians clockwise.
        confidence: The probability that this is no coincidence, 0 to 1.
        mirrored: Whether the query is mirrored, left to right, before it is turned.
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
        """Return what this means for the query, when it is of the mirrored query.

        Args:
            width: Of the query, in pixels.
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
            points: Whether with the pairs of points, ``[x, y, x, y]`` each: in the
                query, then in the image.
        """
        told: dict[str, Any] = {
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
            told["points"] = _rounded(pairs)
        return told


P = TypeVar("P")


class Verifier(Protocol[P]):
    """Tells whether, and where, two images show the same."""

    def prepared(self, keypoints: Keypoints) -> P:
        """Return keypoints ready to be compared with many others."""
        ...

    def placed(self, query: P, image: P) -> Placement | None:
        """Return where a query lies on an image; ``None`` if nowhere."""
        ...


def _rounded(numbers: NDArray[np.float64]) -> list[list[float]]:
    rounded: list[list[float]] = (np.round(numbers, 2) + 0.0).tolist()  # no -0.0
    return rounded
