"""The routes of the original's services: add, remove, search by id, by image.

They take its fields and units and answer in its shapes, from the services that answer
our own routes; docs/legacy.md has the table.
"""

import threading
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from ambience.core.errors import BadParameterError, NotFoundError
from ambience.core.features import ImageId
from ambience.core.matches import Answer, Match
from ambience.gateway.legacy.forms import NewImage, QueryImage
from ambience.gateway.legacy.matches import by_matches, found_by
from ambience.gateway.legacy.schemas import (
    FileNames,
    LegacyGone,
    LegacyMatch,
    LegacyNew,
    LegacySearchById,
    LegacySearchByImage,
    LegacySearchByText,
)
from ambience.imaging import ImageFile, Limits
from ambience.service import AnyService, SearchRequest, required
from ambience.service.capabilities import HoldsImages, SearchesImages, SearchesText
from ambience.web.forms import FormRoute, only_fields
from ambience.web.openapi import problems
from ambience.web.schemas import JSON
from ambience.web.service_routes import Claim

TAG = "legacy"
TAKEN = "Image with the same id is already in the db"  # as its clients know it
_AS_TEXT: JSON = {"text/plain": {"schema": {"type": "string"}}}
_LOCKS = 64  # images that can be added at once: more than there are threads
_SEARCHED_AS = {"image_text": "image_text_features"}  # the others by their own name


def legacy_service_routes(
    services: Sequence[AnyService],
    *,
    limits: Limits,
    names: FileNames,
    claim: Claim = lambda _, __: None,
) -> APIRouter:
    """Return the original's routes of services: add, remove, search by id, by image.

    Args:
        services: The services.
        limits: What images may cost.
        names: How images are called.
        claim: See `Claim`; nobody gives out ids where services run alone.
    """
    router = APIRouter(tags=[TAG], route_class=FormRoute)
    for service in retrieval(services):
        router.include_router(_change_routes(service, limits, names, claim))
        router.include_router(_search_routes(service, limits, names))
    return router


def retrieval(services: Sequence[AnyService]) -> list[AnyService]:
    """Return the services that are as the original's: they keep images, and search."""
    return [
        service
        for service in services
        if service.ability(HoldsImages) and service.ability(SearchesImages)
    ]


def _change_routes(
    service: AnyService, limits: Limits, names: FileNames, claim: Claim
) -> APIRouter:
    router = APIRouter(route_class=FormRoute)
    features = features_of(service.name)
    # Of several with one id at once, one is taken; those with others needn't wait.
    adding = [threading.Lock() for _ in range(_LOCKS)]

    @router.post(
        f"/calculate_{features}",
        response_class=Response,
        responses=problems(HTTPStatus.CONFLICT, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
        | {500: {"description": "The id is taken.", "content": _AS_TEXT}},
        dependencies=[only_fields(*LegacyNew.model_fields)],
    )
    def calculate(
        told: NewImage,
    ) -> Response:
        """Add an image to this service alone; 500 if the id is there already."""
        new, data = told
        file = ImageFile(data, limits=limits)
        image_id = ImageId(new.image_id)
        holder = required(service, HoldsImages)
        (extracted,) = holder.extract([file])
        with adding[image_id % _LOCKS]:
            if holds(service, image_id):
                return PlainTextResponse(TAKEN, HTTPStatus.INTERNAL_SERVER_ERROR)
            claim(service.name, image_id)
            holder.put({image_id: extracted})
        return Response()

    @router.post(
        f"/delete_{features}",
        response_class=Response,
        responses=problems(HTTPStatus.NOT_FOUND),
    )
    def delete(gone: LegacyGone) -> Response:
        """Remove an image from this service alone."""
        if gone.file_name:
            image_id = names.image_id(gone.file_name)
        elif gone.image_id is not None:
            image_id = ImageId(gone.image_id)
        else:
            raise BadParameterError("give image_id or file_name")
        if not required(service, HoldsImages).remove([image_id]) and by_matches(
            service
        ):
            raise NotFoundError(f"{service.name} has no image {image_id}")
        return Response()

    return router


def _search_routes(service: AnyService, limits: Limits, names: FileNames) -> APIRouter:
    router = APIRouter(route_class=FormRoute)
    similar = _SEARCHED_AS.get(service.name, service.name) + "_get_similar_images_by"

    @router.post(
        f"/{similar}_image_buffer",
        response_model_exclude_none=True,
        responses=problems(HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        dependencies=[only_fields(*LegacySearchByImage.model_fields)],
    )
    def by_image(
        told: QueryImage,
    ) -> list[LegacyMatch]:
        """Find images like the one sent."""
        asked, data = told
        file = ImageFile(data, limits=limits)
        found = found_by(
            service, asked, partial(required(service, SearchesImages).search, file)
        )
        return names.put_on(found)

    @router.post(
        f"/{similar}_id",
        response_model_exclude_none=True,
        responses=problems(HTTPStatus.NOT_FOUND),
    )
    def by_id(asked: LegacySearchById) -> list[LegacyMatch]:
        """Find images like a known one, which comes first where distances count."""
        image_id = ImageId(asked.image_id)

        def search(request: SearchRequest) -> Answer:
            answer = required(service, SearchesImages).search_by_id(image_id, request)
            if by_matches(service):
                return answer
            return Answer((Match(image_id, 0.0), *answer.matches))

        try:
            return names.put_on(found_by(service, asked, search))
        except NotFoundError:
            if by_matches(service):
                return []
            raise

    if service.ability(SearchesText) is not None:

        @router.post(f"/{similar}_text", response_model_exclude_none=True)
        def by_text(asked: LegacySearchByText) -> list[LegacyMatch]:
            """Find the images that words describe."""
            found = found_by(
                service,
                asked,
                partial(required(service, SearchesText).search_text, asked.text),
            )
            return names.put_on(found)

    return router


def features_of(service: str) -> str:
    """Return how the original's routes call what a service makes of an image."""
    return service if service.endswith("_features") else f"{service}_features"


def holds(service: AnyService, image_id: ImageId) -> bool:
    """Tell whether a service has an image."""
    before = ImageId(image_id - 1) if image_id else None
    return required(service, HoldsImages).ids(after=before, limit=1) == [image_id]
