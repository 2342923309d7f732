"""The routes of the original's services: add, remove, search by id, by image, by words.

They take the original's fields and units, and answer in its shapes, using the same
services as our own routes; docs/legacy.md has the table.
"""

import json
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from ambience.core.errors import AmbienceError, NotFoundError, UnavailableError
from ambience.core.features import ImageId
from ambience.gateway.legacy.matches import (
    Search,
    SearchFields,
    counts_matches,
    matched,
)
from ambience.gateway.legacy.requests import (
    MissingError,
    fields_of,
    form_of,
    image_id_in,
    text_in,
)
from ambience.gateway.legacy.routing import FORM, LegacyRoute
from ambience.gateway.legacy.schemas import (
    FileNames,
    LegacyGone,
    LegacyNew,
    LegacySearchById,
    LegacySearchByImage,
    LegacySearchByText,
)
from ambience.imaging import ImageFile, Limits
from ambience.service import AnyService, required
from ambience.service.capabilities import HoldsImages, SearchesImages, SearchesText
from ambience.web.service_routes import NoteLoneImage

TAKEN = "Image with the same id is already in the db"  # known to the original's clients
_LOCKS = 64  # images that can be added at the same time: more than there are threads
_SEARCHED_AS = {"image_text": "image_text_features"}  # the others have their own name

# The original's messages name a function, not always in the same way.
_BY_ID = {"phash": "_handler", "local_features": "_handler"}
_BY_IMAGE = {"local_features": "_handler"}

_log = logging.getLogger(__name__)


def legacy_service_routes(
    services: Sequence[AnyService],
    *,
    limits: Limits,
    names: FileNames,
    note_lone_image: NoteLoneImage = lambda _, __: None,
    at_gateway: bool = False,
) -> list[LegacyRoute]:
    """Return the original's routes of services.

    Args:
        services: The services; those that store no images to search have no routes.
        limits: The limits for images.
        names: How images are named.
        note_lone_image: See `NoteLoneImage`; not needed if services run alone, where no
            ids are assigned.
        at_gateway: Whether to answer as the gateway does if a service is out of order.
    """
    return [
        route
        for service in retrieval_services(services)
        for route in _Routes(
            service, limits, names, note_lone_image, at_gateway=at_gateway
        ).all()
    ]


def retrieval_services(services: Sequence[AnyService]) -> list[AnyService]:
    """Return the services like the original's: those that store images and search."""
    return [
        service
        for service in services
        if service.ability(HoldsImages) and service.ability(SearchesImages)
    ]


def feature_name(service: str) -> str:
    """Return the original's name for what a service extracts from an image."""
    return service if service.endswith("_features") else f"{service}_features"


def failure_message(service: str, verb: str) -> str:
    """Return the original's message for what could not be done to an image."""
    return f"Can't {verb} {feature_name(service).replace('_', ' ')}"


def as_json(found: object) -> Response:
    """Return an answer in the format of the original's services."""
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode(), media_type="application/json")


def failed(detail: str) -> Response:
    """Return the answer of the original's services if something went wrong."""
    return JSONResponse({"detail": detail}, HTTPStatus.INTERNAL_SERVER_ERROR)


class _Routes:
    """The routes of one service."""

    def __init__(
        self,
        service: AnyService,
        limits: Limits,
        names: FileNames,
        note_lone_image: NoteLoneImage,
        *,
        at_gateway: bool,
    ) -> None:
        self._service = service
        self._limits = limits
        self._names = names
        self._note_lone_image = note_lone_image
        self._at_gateway = at_gateway
        # Of several adds of one id at once, one wins; other ids need not wait.
        self._adding = [threading.Lock() for _ in range(_LOCKS)]

    @property
    def _searching(self) -> SearchesImages:
        return required(self._service, SearchesImages)

    @property
    def _holding(self) -> HoldsImages:
        return required(self._service, HoldsImages)

    def all(self) -> list[LegacyRoute]:
        """Return all routes of the service."""
        name = self._service.name
        features = feature_name(name)
        similar = f"/{_SEARCHED_AS.get(name, name)}_get_similar_images_by"
        routes = [
            LegacyRoute(
                f"/calculate_{features}",
                self.calculate,
                LegacyNew,
                FORM,
                "Add an image to this service alone; 500 if the id is taken",
            ),
            LegacyRoute(
                f"/delete_{features}",
                self.delete,
                LegacyGone,
                "application/json",
                "Remove an image from this service alone",
            ),
            LegacyRoute(
                f"{similar}_image_buffer",
                partial(self.by_image, sentence=f"{similar[1:]}_image_buffer"),
                LegacySearchByImage,
                FORM,
                "Find images like the one sent",
            ),
            LegacyRoute(
                f"{similar}_id",
                partial(self.by_id, sentence=f"{similar[1:]}_id"),
                LegacySearchById,
                "application/json",
                "Find images like a known one, which comes first if distances count",
            ),
        ]
        if self._service.ability(SearchesText) is not None:
            routes.append(
                LegacyRoute(
                    f"{similar}_text",
                    partial(self.by_text, sentence=f"{similar[1:]}_text"),
                    LegacySearchByText,
                    "application/json",
                    "Find the images that words describe",
                )
            )
        return routes

    async def calculate(self, request: Request) -> Response:
        """Add an image."""
        try:
            async with form_of(request) as (fields, data):
                image_id = image_id_in(fields)
                return await self._answer(
                    partial(self._add, image_id, data),
                    failure_message(self._service.name, "calculate"),
                )
        except MissingError as error:
            if error.kind:  # it took any text, and failed if that was not a number
                return failed(failure_message(self._service.name, "calculate"))
            return error.of_service()

    async def delete(self, request: Request) -> Response:
        """Remove an image."""
        sentence = failure_message(self._service.name, "delete")
        try:
            fields = await fields_of(request)
            name = fields.get("file_name") or None
            if name is None and fields.get("image_id") is None:
                return failed(sentence)
            image_id = image_id_in(fields) if name is None else None
        except MissingError as error:
            return error.of_service()
        return await self._answer(partial(self._remove, image_id, name), sentence)

    async def by_image(self, request: Request, *, sentence: str) -> Response:
        """Find images like the one sent."""
        sentence += _BY_IMAGE.get(self._service.name, "")
        try:
            async with form_of(request) as (fields, data):
                file = ImageFile(data, limits=self._limits)
                search = partial(self._searching.search, file)
                return await self._answer(
                    partial(self._found, fields, search), f"Error in {sentence}"
                )
        except MissingError as error:
            return error.of_service()

    async def by_id(self, request: Request, *, sentence: str) -> Response:
        """Find images like a known one."""
        sentence += _BY_ID.get(self._service.name, "")
        try:
            fields = await fields_of(request)
            image_id = image_id_in(fields)
        except MissingError as error:
            return error.of_service()
        search = partial(self._searching.search_by_id, image_id)
        return await self._answer(
            partial(self._found, fields, search, image_id), f"Error in {sentence}"
        )

    async def by_text(self, request: Request, *, sentence: str) -> Response:
        """Find the images that words describe."""
        try:
            fields = await fields_of(request)
            text = text_in(fields)
        except MissingError as error:
            return error.of_service()
        search = partial(required(self._service, SearchesText).search_text, text)
        return await self._answer(
            partial(self._found, fields, search), f"Error in {sentence}"
        )

    async def _answer(self, work: Callable[[], Response], sentence: str) -> Response:
        """Do the work in a thread; if it fails, answer as the original did."""
        try:
            return await run_in_threadpool(work)
        except UnavailableError as error:
            _log.warning("%s: %s", sentence, error)
            return unreachable(error) if self._at_gateway else failed(sentence)
        except (AmbienceError, ValueError) as error:
            _log.info("%s: %s", sentence, error)
            return failed(sentence)

    def _found(
        self, fields: Mapping[str, Any], search: Search, known: ImageId | None = None
    ) -> Response:
        name, options = self._service.name, self._searching.options
        try:
            found = matched(
                name, options, SearchFields.told(fields), search, known=known
            )
        except NotFoundError:
            if not counts_matches(options):
                raise
            found = []
        return as_json(self._names.with_names(found))

    def _add(self, image_id: ImageId, data: bytes) -> Response:
        file = ImageFile(data, limits=self._limits)
        with self._adding[image_id % _LOCKS]:
            if holds(self._service, image_id):
                status = HTTPStatus.INTERNAL_SERVER_ERROR
                return PlainTextResponse(TAKEN, status)
            (extracted,) = self._holding.extract([file])
            self._note_lone_image(self._service.name, image_id)
            self._holding.put({image_id: extracted})
        return Response()

    def _remove(self, image_id: ImageId | None, name: object) -> Response:
        try:
            if image_id is None:
                image_id = self._names.image_id(str(name))
            known = self._holding.remove([image_id])
        except NotFoundError:
            known = []
        if not known and counts_matches(self._searching.options):
            return failed(failure_message(self._service.name, "delete"))
        return Response()


def unreachable(error: UnavailableError) -> Response:
    """Return the answer of the original's gateway if a service is down."""
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    said = {
        "statusCode": status,
        "code": "ECONNREFUSED",
        "error": status.phrase,
        "message": str(error),
    }
    return JSONResponse(said, status)


def holds(service: AnyService, image_id: ImageId) -> bool:
    """Tell whether a service has an image."""
    before = ImageId(image_id - 1) if image_id else None
    return required(service, HoldsImages).ids(after=before, limit=1) == [image_id]
