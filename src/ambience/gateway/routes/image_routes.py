"""The routes that add, replace, delete and list images."""

import contextlib
import re
from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Query

from ambience.catalog import ImageRecord
from ambience.catalog.catalog import Position
from ambience.core.errors import BadParameterError
from ambience.core.features import MAX_IMAGE_ID, ImageId
from ambience.core.number_validators import WHOLE
from ambience.gateway.routes.schemas import (
    ImageAnswer,
    ImagePage,
    PutAnswer,
    image_answer,
)
from ambience.library.library import Library
from ambience.service.capabilities import HoldsImages
from ambience.web.addresses import API
from ambience.web.forms import FormRoute, only_fields
from ambience.web.openapi import problems
from ambience.web.schemas import ImageIdPath
from ambience.web.uploads import ImageData

_PAGE = 100
_MAX_PAGE = 1000
_AFTER = re.compile("([-0-9T:.]{10,26})~([0-9]{1,16})")  # a local time, and an id


def image_routes(library: Library) -> APIRouter:
    """Return the routes under ``/api/images``.

    Args:
        library: The library.
    """
    router = APIRouter(
        prefix=f"{API}/images",
        tags=["images"],
        responses=problems(HTTPStatus.INSUFFICIENT_STORAGE),
        route_class=FormRoute,
    )

    def answers(found: Sequence[ImageRecord]) -> list[ImageAnswer]:
        waiting = library.components.backlog.services_of(
            [image.image_id for image in found]
        )
        return [
            image_answer(image, waiting_for=waiting.get(image.image_id, ()))
            for image in found
        ]

    @router.get("")
    def images(
        limit: Annotated[int, Query(ge=1, le=_MAX_PAGE), WHOLE] = _PAGE,
        after: Annotated[str | None, Query(description="From the last page.")] = None,
    ) -> ImagePage:
        """List the library, newest first."""
        position = None if after is None else _position(after)
        found = [one.record for one in library.newest(limit=limit, after=position)]
        last = found[-1] if len(found) == limit else None
        return ImagePage(
            images=answers(found),
            total=len(library),
            after=last and f"{last.shown_at.isoformat()}~{last.image_id}",
        )

    @router.get("/{image_id}", responses=problems(HTTPStatus.NOT_FOUND))
    def image_record(image_id: ImageIdPath) -> ImageAnswer:
        """Return the record of an image."""
        (answer,) = answers([library.image(image_id).record])
        return answer

    @router.put(
        "/{image_id}",
        responses=problems(HTTPStatus.CONFLICT, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        dependencies=[only_fields("image", "keep")],
    )
    def put(
        image_id: ImageIdPath,
        image: ImageData,
        *,
        keep: Annotated[
            bool, Form(description="Whether to keep the file too, to show it.")
        ] = True,
        wait: Annotated[
            bool,
            Query(
                description="Whether to answer only after slow services have it; if "
                "not, they get it soon after, see /api/backlog. False requires `keep`."
            ),
        ] = True,
    ) -> PutAnswer:
        """Add an image to every service, or replace it; then it is stored safely."""
        behind = library.put(image_id, image, keep=keep, wait=wait)
        return PutAnswer(
            image_id=image_id,
            services={
                service.name: behind.get(service.name, "stored")
                for service in library.components.services
                if service.ability(HoldsImages) is not None
            },
        )

    @router.delete(
        "/{image_id}",
        status_code=HTTPStatus.NO_CONTENT,
        responses=problems(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT),
    )
    def delete(image_id: ImageIdPath) -> None:
        """Remove an image from every service; a file of the user's is left alone."""
        library.remove(image_id)

    return router


def _position(after: str) -> Position:
    given = _AFTER.fullmatch(after)
    with contextlib.suppress(ValueError):  # for example, the 31st of February
        if given is not None and int(given[2]) <= MAX_IMAGE_ID:
            return Position(datetime.fromisoformat(given[1]), ImageId(int(given[2])))
    raise BadParameterError("after: send the `after` of the previous page")
