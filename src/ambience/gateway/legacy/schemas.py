"""The requests and answers of the original's routes, and names of files."""

import re
from dataclasses import dataclass
from typing import Annotated

from fastapi import UploadFile
from pydantic import BaseModel, Field, WithJsonSchema

from ambience.catalog import Catalog
from ambience.core.errors import BadParameterError, NotFoundError
from ambience.core.features import MAX_IMAGE_ID, ImageId
from ambience.core.number_validators import DECIMAL, WHOLE
from ambience.gateway.routes.schemas import image_answer
from ambience.web.schemas import JSON

_UPLOADED = ".online"  # ends the name of an image that has no file
_MAX_NAME = 1000  # characters; no system allows longer ones
_ID = re.compile("[0-9]{1,16}")  # the largest id has 16 digits
_MAX_WORDS = 1000  # characters; no model reads more

LegacyImageId = Annotated[int, Field(ge=0, le=MAX_IMAGE_ID), WHOLE]

_FLAG = {
    "anyOf": [
        {"type": "integer", "minimum": 0, "maximum": 1},
        {"type": "string", "enum": ["0", "1"]},
    ]
}
LegacyFlag = Annotated[bool, WithJsonSchema(_FLAG)]


class LegacySearch(BaseModel):
    """The parameters of a search; numbers may be sent as text."""

    k: Annotated[
        int | None, Field(ge=1, description="How many images at most."), WHOLE
    ] = None
    distance_threshold: Annotated[
        float | None,
        Field(
            ge=0,
            allow_inf_nan=False,
            description="Only images nearer than this, in the original's unit.",
        ),
        DECIMAL,
    ] = None
    knn_min_matches: Annotated[
        int, Field(ge=0, description="Images with fewer matches are left out."), WHOLE
    ] = 1
    use_smnn_matching: LegacyFlag = Field(
        default=False,
        description="Whether images are verified; otherwise votes are counted.",
    )
    use_ransac: LegacyFlag = Field(
        default=False,
        description="Whether only matches that fit together count.",
    )
    smnn_match_threshold: Annotated[
        float | None, Field(gt=0, le=1, description="Has no effect."), DECIMAL
    ] = None
    k_clusters: Annotated[
        int | None, Field(ge=1, description="Has no effect."), WHOLE
    ] = None
    matching_threshold: Annotated[
        float | None,
        Field(gt=0, allow_inf_nan=False, description="Has no effect."),
        DECIMAL,
    ] = None
    aqe_n: Annotated[
        int | None,
        Field(ge=1, description="Has no effect if the service has no such option."),
        WHOLE,
    ] = None
    aqe_alpha: Annotated[
        float | None,
        Field(
            ge=0,
            allow_inf_nan=False,
            description="Has no effect if the service has no such option.",
        ),
        DECIMAL,
    ] = None


class LegacySearchById(LegacySearch):
    """A search with a known image."""

    image_id: LegacyImageId


class LegacySearchByImage(LegacySearch):
    """A search with an image in the request."""

    image: UploadFile = Field(description="An image file.")


class LegacySearchByText(LegacySearch):
    """A search with words."""

    text: str = Field(min_length=1, max_length=_MAX_WORDS, description="The words.")


class LegacyReverseSearch(BaseModel):
    """A search of every service at once with an image in the request."""

    image: UploadFile = Field(description="An image file.")
    find_duplicate: Annotated[
        int, Field(description="Not 0: only whether the image is known already."), WHOLE
    ] = 0


class LegacyImage(BaseModel):
    """An image, and nothing else."""

    image: UploadFile = Field(description="An image file.")


class LegacyNew(LegacyImage):
    """An image to be added."""

    image_id: LegacyImageId


class LegacyNewForAll(LegacyNew):
    """An image to be added to every service."""

    name: str = Field("", description="Has no effect, as in the original.")


class LegacyGone(BaseModel):
    """An image to be removed from one service."""

    image_id: LegacyImageId | None = None
    file_name: str | None = Field(
        None, max_length=_MAX_NAME, description="May be sent instead of the id."
    )


class LegacyGoneForAll(BaseModel):
    """An image to be removed from every service."""

    image_id: LegacyImageId


@dataclass(frozen=True, slots=True)
class FileNames:
    """How the names of files refer to images.

    Attributes:
        catalog: Knows the files.
        shown: Whether answers have file names.
    """

    catalog: Catalog
    shown: bool = False

    def with_names(self, found: list[JSON]) -> list[JSON]:
        """Return matches, with file names if answers have them.

        Then, entries that stand for no image are left out.
        """
        if not self.shown:
            return found
        real = [one for one in found if one["image_id"] >= 0]
        images = self.catalog.find([ImageId(one["image_id"]) for one in real])
        known = {int(image.image_id): image_answer(image).name for image in images}
        return [
            {**one, "file_name": known.get(i) or f"{i}{_UPLOADED}"}
            for one in real
            for i in (one["image_id"],)
        ]

    def image_id(self, name: str) -> ImageId:
        """Return the image that a file name refers to.

        Raises:
            NotFoundError: If there is none.
            BadParameterError: If there are several.
        """
        number = name.removesuffix(_UPLOADED)
        if number != name and _ID.fullmatch(number) and int(number) <= MAX_IMAGE_ID:
            return ImageId(int(number))
        ids = self.catalog.with_name(name)
        if not ids:
            raise NotFoundError(f"there is no image {name!r}")
        if len(ids) > 1:
            raise BadParameterError(
                f"{len(ids)} images have the name {name!r}: send the image_id of one"
            )
        return ids[0]
