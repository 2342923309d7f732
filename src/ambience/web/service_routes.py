"""The routes that every service has, alone and behind the gateway alike."""

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.routing import APIRoute

from ambience.core.errors import BadParameterError, NotFoundError
from ambience.core.features import MAX_IMAGE_ID, ImageId
from ambience.core.matches import Answer
from ambience.core.numbers import WHOLE
from ambience.imaging import ImageFile, Limits
from ambience.service import SearchRequest
from ambience.service.backend import Backend
from ambience.web.forms import FormRoute, only_fields
from ambience.web.openapi import problems
from ambience.web.options import Told, asked
from ambience.web.schemas import (
    JSON,
    MAX_K,
    MAX_PAGE,
    Depth,
    HeldImages,
    ImageIdPath,
    KQuery,
    RadiusQuery,
    SearchAnswer,
    Words,
    exactly_one,
    search_answer,
)
from ambience.web.uploads import ImageData, ImageDataIfAny

Claim = Callable[[str, ImageId], None]
"""Called with a service's name and an id that a caller chose for it alone, before the
image is put: nobody else is given that id later, and what is put stays."""


def service_routes(
    backend: Backend,
    limits: Limits,
    *,
    claim: Claim,
    route_class: type[APIRoute] = FormRoute,
) -> APIRouter:
    """Return the routes of one service, under ``/{its name}``.

    Handlers are plain functions: they run in a thread pool, as all of them compute or
    wait for a disk.

    Args:
        backend: The service.
        limits: What images may cost.
        claim: See `Claim`.
        route_class: Of the routes; it may answer by itself what is only declared here.
    """
    router = APIRouter(
        prefix=f"/{backend.name}",
        tags=[backend.name],
        responses=problems(HTTPStatus.INSUFFICIENT_STORAGE),
        route_class=route_class,
    )

    _add_changes(router, backend, limits, claim)
    _add_searches(router, backend, limits)
    return router


def _add_changes(
    router: APIRouter, backend: Backend, limits: Limits, claim: Claim
) -> None:
    """Add what tells of, lists, puts and removes what a service has."""

    @router.get("")
    def status() -> JSON:
        """Say what the service makes, how much it holds, or why it can't answer."""
        return dict(backend.status())

    @router.get("/images")
    def held(
        after: Annotated[
            int | None,
            Query(ge=0, le=MAX_IMAGE_ID, description="From the last page."),
            WHOLE,
        ] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE), WHOLE] = 1000,
    ) -> HeldImages:
        """List the ids of the images that this service has, in order."""
        known = None if after is None else ImageId(after)
        ids = backend.ids(after=known, limit=limit)
        return HeldImages(image_ids=ids, after=ids[-1] if len(ids) == limit else None)

    @router.put(
        "/images/{image_id}",
        status_code=HTTPStatus.NO_CONTENT,
        responses=problems(HTTPStatus.CONFLICT, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        dependencies=[only_fields("image")],
    )
    def put(image_id: ImageIdPath, image: ImageData) -> None:
        """Add an image to this service alone, or replace it."""
        file = ImageFile(image, limits=limits)
        (extracted,) = backend.extract([file])
        claim(backend.name, ImageId(image_id))
        backend.put({ImageId(image_id): extracted})

    @router.delete(
        "/images/{image_id}",
        status_code=HTTPStatus.NO_CONTENT,
        responses=problems(HTTPStatus.NOT_FOUND),
    )
    def delete(image_id: ImageIdPath) -> None:
        """Remove an image from this service alone."""
        if not backend.remove([ImageId(image_id)]):
            raise NotFoundError(f"{backend.name} has no image {image_id}")


def _add_searches(router: APIRouter, backend: Backend, limits: Limits) -> None:
    """Add the searches, by id, by image, and by words where a service reads them."""

    @router.get("/images/{image_id}/similar", responses=problems(HTTPStatus.NOT_FOUND))
    def similar(
        image_id: ImageIdPath,
        told: Annotated[Told, Depends(asked(backend.options))],
        k: KQuery = None,
        radius: RadiusQuery = None,
    ) -> SearchAnswer:
        """Find images like a known one, which itself is left out."""
        exactly_one(k, radius)
        answer = backend.search_by_id(
            ImageId(image_id), SearchRequest(k=k, radius=radius, options=told)
        )
        return _nearest(answer)

    def search(
        image: ImageData,
        depth: Annotated[Depth, Depends()],
        told: Annotated[Told, Depends(asked(backend.options, form=True))],
    ) -> SearchAnswer:
        """Find images like the one sent: the nearest k, or all within a radius."""
        file = ImageFile(image, limits=limits)
        answer = backend.search(
            file, SearchRequest(k=depth.k, radius=depth.radius, options=told)
        )
        return _nearest(answer)

    def search_either_way(
        depth: Annotated[Depth, Depends()],
        told: Annotated[Told, Depends(asked(backend.options, form=True))],
        image: ImageDataIfAny,
        text: Words = None,
    ) -> SearchAnswer:
        """Find images like the one sent, or those that words describe."""
        if text is not None and image is None:
            answer = backend.search_text(
                text, SearchRequest(k=depth.k, radius=depth.radius, options=told)
            )
            return _nearest(answer)
        if image is None or text is not None:
            raise BadParameterError("give exactly one of image and text")
        return search(image, depth, told)

    asks = ("image", "text") if backend.reads_words else ("image",)
    router.add_api_route(
        "/search",
        search_either_way if backend.reads_words else search,
        methods=["POST"],
        responses=problems(HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        dependencies=[only_fields(*asks, "k", "radius", *backend.options.model_fields)],
        name="search",
    )


def _nearest(answer: Answer) -> SearchAnswer:
    """Return an answer as it is sent: a wide radius must not send a whole library."""
    return search_answer(replace(answer, matches=answer.matches[:MAX_K]))
