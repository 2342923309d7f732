"""What requests and answers look like, for callers and for the OpenAPI document."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import File, Form, Path, Query, UploadFile
from pydantic import BaseModel, ConfigDict, Field

from ambience.core.errors import BadParameterError
from ambience.core.features import MAX_IMAGE_ID, ImageId
from ambience.core.matches import Answer, Background, Match
from ambience.core.numbers import DECIMAL, WHOLE

MAX_K = 1000  # matches in one answer
MAX_PAGE = 10_000  # ids in one answer, some 100 KB

ImageIdPath = Annotated[
    int,
    Path(ge=0, le=MAX_IMAGE_ID, description="The image's key.", examples=[7]),
    WHOLE,
]
KQuery = Annotated[
    int | None,
    Query(ge=1, le=MAX_K, description="How many matches at most.", examples=[20]),
    WHOLE,
]
RadiusQuery = Annotated[
    float | None,
    Query(
        ge=0,
        allow_inf_nan=False,
        description="How far at most, in the service's unit; the nearest 1000 are "
        "answered.",
        examples=[64],
    ),
    DECIMAL,
]
ImageUpload = Annotated[
    UploadFile,
    File(description="An image file: JPEG, PNG, WebP, GIF, TIFF, AVIF, HEIC..."),
]

Words = Annotated[
    str | None,
    Form(max_length=1000, description="Words that describe images."),
]


def exactly_one(k: int | None, radius: float | None) -> None:
    """Check that a search is told how many or how far, and not both.

    Raises:
        BadParameterError: If it is not.
    """
    if (k is None) == (radius is None):
        raise BadParameterError("give exactly one of k and radius")


class Depth:
    """How many matches, or how far, given in the form or behind the question mark."""

    def __init__(
        self,
        k: KQuery = None,
        radius: RadiusQuery = None,
        form_k: Annotated[
            int | None,
            Form(alias="k", ge=1, le=MAX_K, description="The same, in the form."),
            WHOLE,
        ] = None,
        form_radius: Annotated[
            float | None,
            Form(
                alias="radius",
                ge=0,
                allow_inf_nan=False,
                description="The same, in the form.",
            ),
            DECIMAL,
        ] = None,
    ) -> None:
        self.k = form_k if k is None else k
        self.radius = form_radius if radius is None else radius
        exactly_one(self.k, self.radius)


class HeldImages(BaseModel):
    """Some of the images that a service has, by id."""

    image_ids: list[int]
    after: int | None = Field(
        description="Ask with it for the images that follow; null: there are none."
    )


class FoundImage(BaseModel):
    """One image found by one service; more fields as the service measures them."""

    model_config = ConfigDict(extra="allow")

    image_id: int
    distance: float = Field(description="Smaller is nearer.")


class BackgroundAnswer(BaseModel):
    """How near any images of the library are to the query."""

    mean: float = Field(description="Of their distances.")
    deviation: float = Field(description="Of their distances, the standard one.")
    count: int = Field(description="How many images were drawn.")


class SearchAnswer(BaseModel):
    """What one service found, nearest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "matches": [
                        {"image_id": 7, "distance": 12.0, "orientation": "upright"}
                    ],
                    "note": "",
                }
            ]
        }
    )

    matches: list[FoundImage]
    note: str = Field(
        default="", description="Why there is nothing to say, where there is a reason."
    )
    background: BackgroundAnswer | None = Field(
        default=None, description="Where likeness is a matter of degree."
    )


def search_answer(answer: Answer) -> SearchAnswer:
    """Return a service's answer as it is sent."""
    matches = [
        FoundImage(image_id=m.image_id, distance=m.distance, **dict(m.details))
        for m in answer.matches
    ]
    usual = answer.background
    background = None if usual is None else BackgroundAnswer(**asdict(usual))
    return SearchAnswer(matches=matches, note=answer.note, background=background)


def answer_of(said: SearchAnswer) -> Answer:
    """Return what was sent as the answer that it was."""
    usual = said.background
    return Answer(
        tuple(
            Match(ImageId(found.image_id), found.distance, found.model_extra or {})
            for found in said.matches
        ),
        said.note,
        None if usual is None else Background(**dict(usual)),
    )


JSON = dict[str, Any]
