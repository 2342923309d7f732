"""The routes of a service, by its abilities, alone and behind the gateway."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.routing import APIRoute

from ambience.core.errors import BadParameterError, NotFoundError
from ambience.core.features import MAX_IMAGE_ID, ImageId
from ambience.core.matches import Answer
from ambience.core.number_validators import WHOLE
from ambience.core.search_options import SearchOptions
from ambience.imaging import ImageFile, Limits
from ambience.service import MAX_K, AnyService, SearchRequest, required
from ambience.service.capabilities import (
    Annotates,
    HoldsImages,
    SearchesImages,
    SearchesText,
)
from ambience.web.addresses import API
from ambience.web.forms import FormRoute, only_fields
from ambience.web.openapi import problems
from ambience.web.options import asked
from ambience.web.schemas import JSON, MAX_PAGE, AllWords, ImageIdPath, Words
from ambience.web.uploads import ImageData, ImageDataIfAny
from ambience.web.wire import (
    AnnotationAnswer,
    ImageIdPage,
    SearchAnswer,
    annotation_answer,
    search_answer,
)

NoteLoneImage = Callable[[str, ImageId], None]
"""Called with a service and an image id that a caller chose, before the image is added
to that service alone: nobody else is assigned this id later, and the image is kept."""


def service_routes(
    service: AnyService,
    limits: Limits,
    *,
    note_lone_image: NoteLoneImage,
    route_class: type[APIRoute] = FormRoute,
) -> APIRouter:
    """Return the routes of a service under ``/api/{name}``, according to its abilities.

    Handlers are plain functions: they run in a thread pool, as all of them compute or
    wait for a disk.

    Args:
        service: The service.
        limits: The limits for images.
        note_lone_image: See `NoteLoneImage`.
        route_class: The class of the routes, which may handle requests itself.
    """
    router = APIRouter(
        prefix=f"{API}/{service.name}",
        tags=[service.name],
        responses=problems(HTTPStatus.INSUFFICIENT_STORAGE),
        route_class=route_class,
    )

    @router.get("")
    def status() -> JSON:
        """Return the state of the service, or why it is unavailable."""
        return dict(service.status())

    if service.ability(HoldsImages) is not None:
        _add_changes(router, service, limits, note_lone_image)
    searches = service.ability(SearchesImages)
    if searches is not None:
        _add_similar(router, service, searches)
    if searches is not None or service.ability(SearchesText) is not None:
        _add_search(router, service, limits)
    if service.ability(Annotates) is not None:
        _add_annotate(router, service, limits)
    return router


def _add_changes(
    router: APIRouter,
    service: AnyService,
    limits: Limits,
    note_lone_image: NoteLoneImage,
) -> None:
    """Add the routes that list, add and remove images."""

    @router.get("/images")
    def held(
        after: Annotated[
            int | None,
            Query(ge=0, le=MAX_IMAGE_ID, description="Where the last page ended."),
            WHOLE,
        ] = None,
        limit: Annotated[int, Query(ge=1, le=MAX_PAGE), WHOLE] = 1000,
    ) -> ImageIdPage:
        """List the ids of the images in this service, in ascending order."""
        known = None if after is None else ImageId(after)
        ids = required(service, HoldsImages).ids(after=known, limit=limit)
        return ImageIdPage(image_ids=ids, after=ids[-1] if len(ids) == limit else None)

    @router.put(
        "/images/{image_id}",
        status_code=HTTPStatus.NO_CONTENT,
        responses=problems(HTTPStatus.CONFLICT, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        dependencies=[only_fields("image")],
    )
    def put(image_id: ImageIdPath, image: ImageData) -> None:
        """Add an image to this service alone, or replace it."""
        holder = required(service, HoldsImages)
        (extracted,) = holder.extract([ImageFile(image, limits=limits)])
        note_lone_image(service.name, ImageId(image_id))
        holder.put({ImageId(image_id): extracted})

    @router.delete(
        "/images/{image_id}",
        status_code=HTTPStatus.NO_CONTENT,
        responses=problems(HTTPStatus.NOT_FOUND),
    )
    def delete(image_id: ImageIdPath) -> None:
        """Remove an image from this service alone."""
        if not required(service, HoldsImages).remove([ImageId(image_id)]):
            raise NotFoundError(f"{service.name} has no image {image_id}")


def _add_similar(
    router: APIRouter, service: AnyService, searches: SearchesImages
) -> None:
    """Add the search by id."""

    @router.get("/images/{image_id}/similar", responses=problems(HTTPStatus.NOT_FOUND))
    def similar(
        image_id: ImageIdPath,
        request: Annotated[SearchRequest, Depends(asked(searches.options))],
    ) -> SearchAnswer:
        """Find images like a stored one, which itself is left out."""
        found = required(service, SearchesImages).search_by_id
        return _nearest(found(ImageId(image_id), request))


def _add_search(router: APIRouter, service: AnyService, limits: Limits) -> None:
    """Add the search by image, by words, or by either."""
    searches, reads = service.ability(SearchesImages), service.ability(SearchesText)
    options = SearchOptions if searches is None else searches.options
    request_of = Depends(asked(options, form=True))

    def search(
        image: ImageData, request: Annotated[SearchRequest, request_of]
    ) -> SearchAnswer:
        """Find images like the uploaded one: the nearest k, or all within a radius."""
        file = ImageFile(image, limits=limits)
        return _nearest(required(service, SearchesImages).search(file, request))

    def search_text(
        text: AllWords, request: Annotated[SearchRequest, request_of]
    ) -> SearchAnswer:
        """Find the images that words describe."""
        return _nearest(required(service, SearchesText).search_text(text, request))

    def search_either_way(
        request: Annotated[SearchRequest, request_of],
        image: ImageDataIfAny,
        text: Words = None,
    ) -> SearchAnswer:
        """Find images like the uploaded one, or those that words describe."""
        if text is not None and image is None:
            return search_text(text, request)
        if image is None or text is not None:
            raise BadParameterError("give exactly one of image and text")
        return search(image, request)

    takes: Sequence[str] = ("image", "text")
    answers: Callable[..., SearchAnswer] = search_either_way
    if reads is None:
        takes, answers = ("image",), search
    elif searches is None:
        takes, answers = ("text",), search_text
    router.add_api_route(
        "/search",
        answers,
        methods=["POST"],
        responses=problems(HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        dependencies=[only_fields(*takes, "k", "radius", *options.model_fields)],
        name="search",
    )


def _add_annotate(router: APIRouter, service: AnyService, limits: Limits) -> None:
    """Add the annotation of an image."""

    @router.post(
        "/annotate",
        responses=problems(HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        dependencies=[only_fields("image")],
    )
    def annotate(image: ImageData) -> AnnotationAnswer:
        """Describe the uploaded image; nothing is stored."""
        file = ImageFile(image, limits=limits)
        (said,) = required(service, Annotates).annotate([file])
        return annotation_answer(said)


def _nearest(answer: Answer) -> SearchAnswer:
    """Return an answer to send; a large radius must not send a whole library."""
    return search_answer(replace(answer, matches=answer.matches[:MAX_K]))
