"""The images themselves: put, delete and list them."""

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Form, Query

from ambience.catalog.catalog import Position
from ambience.core.errors import BadParameterError
from ambience.core.features import MAX_IMAGE_ID, ImageId
from ambience.gateway.parts import Parts
from ambience.gateway.schemas import ImageAnswer, ImagePage, PutAnswer, image_answer
from ambience.imaging import ImageFile
from ambience.ingest import Arrival
from ambience.web.forms import FormRoute, only_fields
from ambience.web.problems import PROBLEMS
from ambience.web.schemas import ImageIdPath
from ambience.web.uploads import ImageData

_PAGE = 100
_MAX_PAGE = 1000


def image_routes(parts: Parts) -> APIRouter:
    """Return the routes under ``/images``."""
    router = APIRouter(
        prefix="/images", tags=["images"], responses=PROBLEMS, route_class=FormRoute
    )
    catalog, writer = parts.catalog, parts.writer

    @router.get("")
    def images(
        limit: Annotated[int, Query(ge=1, le=_MAX_PAGE)] = _PAGE,
        after: Annotated[str | None, Query(description="From the last page.")] = None,
    ) -> ImagePage:
        """List the library, newest first."""
        position = None if after is None else _position(after)
        found = catalog.newest(limit=limit, after=position)
        last = found[-1] if len(found) == limit else None
        return ImagePage(
            images=[image_answer(image) for image in found],
            total=len(catalog),
            after=last and f"{last.shown_at.isoformat()}~{last.image_id}",
        )

    @router.get("/{image_id}")
    def image_record(image_id: ImageIdPath) -> ImageAnswer:
        """Say what is known of an image."""
        return image_answer(catalog.get(ImageId(image_id)))

    @router.put("/{image_id}", dependencies=[only_fields("image", "keep")])
    def put(
        image_id: ImageIdPath,
        image: ImageData,
        *,
        keep: Annotated[
            bool, Form(description="Whether to keep the file too, to show it.")
        ] = True,
    ) -> PutAnswer:
        """Add an image to every service, or replace it; when answered, it is safe."""
        arrival = Arrival(
            image_id=ImageId(image_id),
            prepared=writer.prepare(ImageFile(image, limits=parts.limits)),
            upload=image,
            keep=keep,
        )
        unavailable = writer.put([arrival])
        return PutAnswer(
            image_id=image_id,
            services={
                backend.name: unavailable.get(backend.name, "stored")
                for backend in parts.backends
            },
        )

    @router.delete("/{image_id}", status_code=HTTPStatus.NO_CONTENT)
    def delete(image_id: ImageIdPath) -> None:
        """Remove an image from every service; a file of the user's is left alone."""
        writer.delete(ImageId(image_id))

    return router


def _position(after: str) -> Position:
    shown_at, _, image_id = after.partition("~")
    try:
        last = min(int(image_id), MAX_IMAGE_ID)  # a larger one SQLite can't compare
        return Position(datetime.fromisoformat(shown_at), ImageId(max(0, last)))
    except ValueError as error:
        raise BadParameterError(
            "after: send what the page before answered as its `after`"
        ) from error
