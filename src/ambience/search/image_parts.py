"""Searches with a part of an image, and answers in pixels of the whole image."""

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
    """A part that was cut out of an image.

    Attributes:
        file: The part, as an image of its own.
        region: Where it was in the whole image.
        of: The whole image, if that is in the library.
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
        """Cut a part out of an image.

        Args:
            whole: The image.
            region: The part.
            of: See `ImagePart`.
            sides: Sizes of the part that will be needed; see `ImageFile`.

        Raises:
            BadInputError: If the image can't be decoded.
            BadParameterError: If the region is empty or not within the image.
        """
        data = part(whole.data, region, limits=whole.limits)
        # The PNG of a part may have more bytes than the file it is cut from.
        room = max(whole.limits.max_bytes, len(data))
        limits = replace(whole.limits, max_bytes=room)
        file = ImageFile(data, limits=limits, sides=sides)
        _ = file.info  # decodes it before the time limit of any service starts
        return cls(file, region, of)

    def search(self, service: SearchesImages, request: SearchRequest) -> Answer:
        """Return the matches of a service, without the whole image itself.

        The service only sees the part, so the shares of the query's area in its answer
        are shares of the part.
        """
        # One more, because the whole image may be among them.
        k = None if request.k is None else min(request.k + 1, MAX_K)
        answer = service.search(self.file, replace(request, k=k))
        others = [match for match in answer.matches if match.image_id != self.of]
        return replace(answer, matches=tuple(map(self._on_whole, others[: request.k])))

    def _on_whole(self, match: Match) -> Match:
        """Return a match with its places in the query in pixels of the whole image."""
        x, y = self.region.x, self.region.y
        details = dict(match.details)
        if "transform" in details:
            moved = np.array(details["transform"]) @ shift(-x, -y)
            details["transform"] = moved.tolist()
        if "query_region" in details:
            details["query_region"] = _moved(details["query_region"], (x, y))
        if "points" in details:  # x, y in the query, then x, y in the match
            details["points"] = _moved(details["points"], (x, y, 0, 0))
        return replace(match, details=details)


def _moved(rows: list[list[float]], by: tuple[int, ...]) -> list[list[float]]:
    moved: list[list[float]] = np.round(
        np.reshape(rows, (-1, len(by))) + by, 2
    ).tolist()
    return moved
