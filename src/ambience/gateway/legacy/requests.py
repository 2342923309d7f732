"""Reads requests to the original's routes, as leniently as the original did."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse

from ambience.core.features import MAX_IMAGE_ID, ImageId
from ambience.web.uploads import read

_WHOLE = re.compile("[0-9]{1,19}")
_MOST = 10**19  # larger numbers are cut to this: no distance is as large
_NUMBER = re.compile(r"[0-9]{1,19}(\.[0-9]{1,19})?")


class MissingError(Exception):
    """A field is missing, or has the wrong type.

    Args:
        name: The field.
        kind: The type it should have, if it is there.
    """

    def __init__(self, name: str, kind: str = "") -> None:
        super().__init__(f"{name} is {f'not a {kind}' if kind else 'missing'}")
        self.name = name
        self.kind = kind

    def of_service(self) -> JSONResponse:
        """Return the answer of the original's services."""
        said = {
            "loc": ["body", self.name],
            "msg": f"value is not a valid {self.kind}"
            if self.kind
            else "field required",
            "type": f"type_error.{self.kind}" if self.kind else "value_error.missing",
        }
        return JSONResponse({"detail": [said]}, HTTPStatus.UNPROCESSABLE_ENTITY)

    def of_gateway(self) -> JSONResponse:
        """Return the answer of the original's gateway."""
        message = (
            f"body/{self.name} must be {self.kind}"
            if self.kind
            else f"body must have required property '{self.name}'"
        )
        status = HTTPStatus.BAD_REQUEST
        return JSONResponse(
            {"statusCode": status, "error": status.phrase, "message": message}, status
        )


async def fields_of(request: Request) -> Mapping[str, Any]:
    """Return the fields of a request's JSON.

    Raises:
        MissingError: If there are none.
    """
    try:
        fields = await request.json()
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise MissingError("body", "dict")
    return fields


@asynccontextmanager
async def form_of(request: Request) -> AsyncIterator[tuple[Mapping[str, str], bytes]]:
    """Yield the fields of a form, as text, and the bytes of its image.

    Raises:
        MissingError: If there is no image.
        HTTPException: If the form can't be read, or there is no memory for the image.
    """
    async with request.form() as form:
        image = form.get("image")
        if not isinstance(image, UploadFile):
            raise MissingError("image")
        fields = {n: value for n, value in form.items() if isinstance(value, str)}
        async with read(request, image) as data:
            yield fields, data


def image_id_in(fields: Mapping[str, Any]) -> ImageId:
    """Return the image id in a request.

    Raises:
        MissingError: If there is none, or it is not valid.
    """
    if fields.get("image_id") is None:
        raise MissingError("image_id")
    try:
        return ImageId(whole(fields["image_id"], most=MAX_IMAGE_ID))
    except ValueError as error:
        raise MissingError("image_id", "integer") from error


def text_in(fields: Mapping[str, Any]) -> str:
    """Return the words to search with.

    Raises:
        MissingError: If there are none.
    """
    text = fields.get("text")
    if not isinstance(text, str):
        raise MissingError("text", "" if text is None else "str")
    return text


def whole(value: object, *, most: int | None = None) -> int:
    """Return a whole number, which may be text.

    Raises:
        ValueError: If it is not one, negative, or above ``most``.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        found = value
    elif isinstance(value, str) and _WHOLE.fullmatch(value):
        found = int(value)
    else:
        raise ValueError(f"{value!r} is not a whole number")
    if found < 0 or (most is not None and found > most):
        raise ValueError(f"{found} is out of range")
    return found


def number(value: object) -> float:
    """Return a number of at least 0, which may be text.

    Raises:
        ValueError: If it is not one.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        found = value if isinstance(value, float) else min(value, _MOST) * 1.0
    elif isinstance(value, str) and _NUMBER.fullmatch(value):
        found = float(value)
    else:
        raise ValueError(f"{value!r} is not a number")
    if not 0 <= found < float("inf"):
        raise ValueError(f"{found} is out of range")
    return found
