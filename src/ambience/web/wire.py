"""The JSON that services answer with, and its conversion in both directions."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ambience.core.features import ImageId
from ambience.core.matches import Answer, BackgroundDistances, Match
from ambience.service.capabilities import Annotation

PROBLEM_TYPE = "application/problem+json"
"""The media type of RFC 9457 problem documents."""


class ImageIdPage(BaseModel):
    """A page of the ids of a service's images."""

    image_ids: list[int]
    after: int | None = Field(
        description="Pass it to get the next page; null if this is the last one."
    )


class FoundImage(BaseModel):
    """One image found by one service; the service may add fields."""

    model_config = ConfigDict(extra="allow")

    image_id: int
    distance: float = Field(description="Smaller is nearer.")


class BackgroundAnswer(BaseModel):
    """How near random images of the library are to the query."""

    mean: float = Field(description="Mean of their distances.")
    deviation: float = Field(description="Standard deviation of their distances.")
    count: int = Field(description="Number of images.")


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
        default="",
        description="Why the answer is empty or incomplete, if there is a reason.",
    )
    background: BackgroundAnswer | None = Field(
        default=None, description="If the service measures degrees of likeness."
    )


class AnnotationAnswer(BaseModel):
    """What a service says about one image."""

    text: str = Field(description="A sentence, or the words in the image.")
    details: Mapping[str, Any] = Field(
        default_factory=dict, description="Everything else the service says."
    )
    model: str = Field(default="", description="The model that produced it.")


def search_answer(answer: Answer) -> SearchAnswer:
    """Convert a service's answer to JSON."""
    matches = [
        FoundImage(image_id=m.image_id, distance=m.distance, **dict(m.details))
        for m in answer.matches
    ]
    usual = answer.background
    background = None if usual is None else BackgroundAnswer(**asdict(usual))
    return SearchAnswer(matches=matches, note=answer.note, background=background)


def answer_of(sent: SearchAnswer) -> Answer:
    """Convert JSON back to a service's answer."""
    usual = sent.background
    return Answer(
        tuple(
            Match(ImageId(found.image_id), found.distance, found.model_extra or {})
            for found in sent.matches
        ),
        sent.note,
        None if usual is None else BackgroundDistances(**dict(usual)),
    )


def annotation_answer(annotation: Annotation) -> AnnotationAnswer:
    """Convert an annotation to JSON."""
    return AnnotationAnswer(
        text=annotation.text, details=annotation.details, model=annotation.model
    )


def annotation_of(sent: AnnotationAnswer) -> Annotation:
    """Convert JSON back to an annotation."""
    return Annotation(sent.text, sent.details, sent.model)
