"""The settings and search options of services with keypoints."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar

from pydantic import Field

from ambience.core.features import CLOSER_LOOK
from ambience.core.number_validators import WHOLE
from ambience.core.search_options import SearchOptions
from ambience.core.settings import ServiceSettings


class KeypointSettings(ServiceSettings):
    """The settings of every service with keypoints.

    Attributes:
        time_budget_s: Time limit for verifying candidates, in seconds; then a search
            answers with what it has.
        max_candidates: Default for the largest number of candidates to verify.
        threads: Processors that share one search; 0 for all.
    """

    time_budget_s: float = Field(default=5.0, gt=0)
    max_candidates: int = Field(default=100, ge=1, le=10_000)
    threads: int = Field(default=0, ge=0, le=256)


class KeypointOptions(SearchOptions):
    """The options of a search by keypoints."""

    closer_look: ClassVar[Mapping[str, Any]] = MappingProxyType({"closer": True})

    nprobe: Annotated[
        int | None,
        Field(
            ge=1,
            le=65_536,
            description="Lists of the index to search per keypoint: more lists find "
            "more and take longer. The default depends on the size of the library.",
        ),
        WHOLE,
    ] = None
    max_candidates: Annotated[
        int | None,
        Field(
            ge=1,
            le=10_000,
            description="The largest number of candidate images to verify.",
        ),
        WHOLE,
    ] = None
    verify: bool = Field(
        default=True,
        description="Whether candidates are verified by geometry. If not, every image "
        "with votes is returned, which proves nothing.",
    )
    closer: bool = Field(
        default=False,
        description="Whether to look at the query at twice the usual size, which finds "
        "what is small in it, and takes several times as long.",
    )
    points: bool = Field(
        default=False,
        description="Whether to return the pairs of points that agree.",
    )

    def image_side(self, usual: int) -> int:
        """See `SearchOptions.image_side`."""
        return CLOSER_LOOK * usual if self.closer else usual
