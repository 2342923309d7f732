"""Searches with a part of an image, and answers in pixels of the whole."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from ambience.core.features import ImageId
from ambience.core.geometry import shift
from ambience.core.matches import Answer, Match
from ambience.core.region import Region
from ambience.imaging import ImageFile, part
from ambience.service import MAX_K, SearchRequest
from ambience.service.capabilities import SearchesImages


@dataclass(frozen=True, slots=True)
class ImagePart:
    """A part of an image, cut out.

    Attributes:
        file: The part alone.
        region: Where it was cut out.
        of: The image of the library that it is a part of, if it is one.
    """

    file: ImageFile
    region: Region
    of: ImageId | None

    @classmethod
    def cut(
        cls,
        whole: ImageFile,
        region: Region,
        *,
        of: ImageId | None,
        sides: Collection[int] = (),
    ) -> Self:
        """Cut a part out.

        Args:
            whole: The image.
            region: Which part of it.
            of: See `ImagePart`.
            sides: Sizes of the part that will be asked for: see `ImageFile`.

        Raises:
            BadInputError: If the image can't be decoded.
            BadParameterError: If the region is empty or not within the image.
        """
        data = part(whole.data, region, limits=whole.limits)
        # What is packed less tightly than the file it comes from is no larger image.
        room = max(whole.limits.max_bytes, len(data))
        limits = replace(whole.limits, max_bytes=room)
        file = ImageFile(data, limits=limits, sides=sides)
        _ = file.info  # decoded before any service's time runs
        return cls(file, region, of)

    def search(self, service: SearchesImages, request: SearchRequest) -> Answer:
        """Return what a service finds, but for the image that this is a part of.

        It is asked with the part alone: what it says of shares of the query's area
        means the part's.
        """
        # One more, as the image itself may be among them.
        k = None if request.k is None else min(request.k + 1, MAX_K)
        answer = service.search(self.file, replace(request, k=k))
        others = [match for match in answer.matches if match.image_id != self.of]
        return replace(answer, matches=tuple(map(self._on_whole, others[: request.k])))

    def _on_whole(self, match: Match) -> Match:
        """Return a match whose places in the query are pixels of the whole image."""
        x, y = self.region.x, self.region.y
        details = dict(match.details)
        if "transform" in details:
            moved = np.array(details["transform"]) @ shift(-x, -y)
            details["transform"] = moved.tolist()
        if "query_region" in details:
            details["query_region"] = _moved(details["query_region"], (x, y))
        if "points" in details:  # in the query, then in the image
            details["points"] = _moved(details["points"], (x, y, 0, 0))
        return replace(match, details=details)


def _moved(rows: list[list[float]], by: tuple[int, ...]) -> list[list[float]]:
    moved: list[list[float]] = np.round(
        np.reshape(rows, (-1, len(by))) + by, 2
    ).tolist()
    return moved
