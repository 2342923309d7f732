"""What may be set for a service with keypoints, and asked of its searches."""

from typing import Annotated

from pydantic import Field

from ambience.core.numbers import WHOLE
from ambience.core.options import SearchOptions
from ambience.core.settings import ServiceSettings


class KeypointSettings(ServiceSettings):
    """What every such service may be told.

    Attributes:
        time_budget_s: After so many seconds of looking closely, a search answers with
            what it has.
        max_candidates: Images looked at closely, at most, unless a search says.
        threads: Processors that share one search; 0: all.
    """

    time_budget_s: float = Field(default=5.0, gt=0)
    max_candidates: int = Field(default=100, ge=1, le=10_000)
    threads: int = Field(default=0, ge=0, le=256)


class KeypointOptions(SearchOptions):
    """What a search of such a service may be told."""

    nprobe: Annotated[
        int | None,
        Field(
            ge=1,
            le=65_536,
            description="Lists of the index that each keypoint looks into; more find "
            "more, and take longer. The default follows from the size of the library.",
        ),
        WHOLE,
    ] = None
    max_candidates: Annotated[
        int | None,
        Field(
            ge=1,
            le=10_000,
            description="How many images are looked at closely, at most.",
        ),
        WHOLE,
    ] = None
    verify: bool = Field(
        default=True,
        description="Whether candidates are looked at closely; without, all that have "
        "votes are answered, and prove nothing.",
    )
    points: bool = Field(
        default=False,
        description="Whether the pairs of points that agree are answered, too.",
    )
