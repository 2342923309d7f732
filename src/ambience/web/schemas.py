"""The parameters of requests, with their descriptions in the OpenAPI document."""

from typing import Annotated, Any

from fastapi import File, Form, Path, Query, UploadFile

from ambience.core.features import MAX_IMAGE_ID
from ambience.core.number_validators import DECIMAL, WHOLE
from ambience.service import MAX_K

MAX_PAGE = 10_000  # ids in one answer, some 100 KB

ImageIdPath = Annotated[
    int,
    Path(ge=0, le=MAX_IMAGE_ID, description="The image's key.", examples=[7]),
    WHOLE,
]
KQuery = Annotated[
    int | None,
    Query(ge=1, le=MAX_K, description="The largest number of matches.", examples=[20]),
    WHOLE,
]
RadiusQuery = Annotated[
    float | None,
    Query(
        ge=0,
        allow_inf_nan=False,
        description="The largest distance of a match, in the service's unit; at most "
        "the nearest 1000 are returned.",
        examples=[64],
    ),
    DECIMAL,
]
KForm = Annotated[
    int | None,
    Form(alias="k", ge=1, le=MAX_K, description="The same, as a form field."),
    WHOLE,
]
RadiusForm = Annotated[
    float | None,
    Form(
        alias="radius",
        ge=0,
        allow_inf_nan=False,
        description="The same, as a form field.",
    ),
    DECIMAL,
]
ImageUpload = Annotated[
    UploadFile,
    File(description="An image file: JPEG, PNG, WebP, GIF, TIFF, AVIF, HEIC..."),
]

_WORDS = Form(max_length=1000, description="Words that describe images.")
AllWords = Annotated[str, _WORDS]
Words = Annotated[str | None, _WORDS]

JSON = dict[str, Any]
