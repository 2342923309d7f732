"""What services and their callers send each other as JSON, whoever carries it."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ambience.core.features import ImageId
from ambience.core.matches import Answer, BackgroundDistances, Match
from ambience.service.capabilities import Annotation

PROBLEM_TYPE = "application/problem+json"
"""The media type of RFC 9457 problem documents."""


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


class AnnotationAnswer(BaseModel):
    """What a service says about one image; nothing of it is kept."""

    text: str = Field(description="In words: a sentence, or the words in the image.")
    details: Mapping[str, Any] = Field(
        default_factory=dict, description="What else the service says."
    )
    model: str = Field(default="", description="What says so.")


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
        None if usual is None else BackgroundDistances(**dict(usual)),
    )


def annotation_answer(said: Annotation) -> AnnotationAnswer:
    """Return what a service says about an image as it is sent."""
    return AnnotationAnswer(text=said.text, details=said.details, model=said.model)


def annotation_of(said: AnnotationAnswer) -> Annotation:
    """Return what was sent as the annotation that it was."""
    return Annotation(said.text, said.details, said.model)
