"""The routes of the original's services: add, remove, search by id, by image, by words.

They take its fields and units and answer in its shapes, from the services that answer
our own routes; docs/legacy.md has the table.
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
from ambience.gateway.legacy.front import FORM, LegacyRoute
from ambience.gateway.legacy.matches import Search, Wanted, by_matches, matched
from ambience.gateway.legacy.requests import (
    MissingError,
    fields_of,
    form_of,
    image_id_in,
    text_in,
)
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
from ambience.web.service_routes import ReserveId

TAKEN = "Image with the same id is already in the db"  # as its clients know it
_LOCKS = 64  # images that can be added at once: more than there are threads
_SEARCHED_AS = {"image_text": "image_text_features"}  # the others by their own name

# The original's sentences name a function, not always in the same way.
_BY_ID = {"phash": "_handler", "local_features": "_handler"}
_BY_IMAGE = {"local_features": "_handler"}

_log = logging.getLogger(__name__)


def legacy_service_routes(
    services: Sequence[AnyService],
    *,
    limits: Limits,
    names: FileNames,
    reserve_id: ReserveId = lambda _, __: None,
    at_gateway: bool = False,
) -> list[LegacyRoute]:
    """Return the original's routes of services.

    Args:
        services: The services; those that keep no images to search have none.
        limits: What images may cost.
        names: How images are called.
        reserve_id: See `ReserveId`; not needed where only callers choose ids.
        at_gateway: Whether a service out of order is answered for as by the gateway.
    """
    return [
        route
        for service in retrieval(services)
        for route in _Routes(service, limits, names, reserve_id, at_gateway).all()
    ]


def retrieval(services: Sequence[AnyService]) -> list[AnyService]:
    """Return the services that are as the original's: they keep images, and search."""
    return [
        service
        for service in services
        if service.ability(HoldsImages) and service.ability(SearchesImages)
    ]


def features_of(service: str) -> str:
    """Return how the original's routes call what a service makes of an image."""
    return service if service.endswith("_features") else f"{service}_features"


def reason_of(service: str, verb: str) -> str:
    """Return the original's sentence for what could not be done to an image."""
    return f"Can't {verb} {features_of(service).replace('_', ' ')}"


def as_json(found: object) -> Response:
    """Return an answer, written as the original's services write it."""
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    return Response(text.encode(), media_type="application/json")


def failed(detail: str) -> Response:
    """Return what the original's services answer where something went wrong."""
    return JSONResponse({"detail": detail}, HTTPStatus.INTERNAL_SERVER_ERROR)


class _Routes:
    """The routes of one service."""

    def __init__(
        self,
        service: AnyService,
        limits: Limits,
        names: FileNames,
        reserve_id: ReserveId,
        at_gateway: bool,  # noqa: FBT001 -- named where it comes from
    ) -> None:
        self._service = service
        self._limits = limits
        self._names = names
        self._reserve_id = reserve_id
        self._at_gateway = at_gateway
        # Of several with one id at once, one is taken; others needn't wait.
        self._adding = [threading.Lock() for _ in range(_LOCKS)]

    @property
    def _searching(self) -> SearchesImages:
        return required(self._service, SearchesImages)

    @property
    def _holding(self) -> HoldsImages:
        return required(self._service, HoldsImages)

    def all(self) -> list[LegacyRoute]:
        """Return them."""
        name = self._service.name
        features = features_of(name)
        similar = f"/{_SEARCHED_AS.get(name, name)}_get_similar_images_by"
        routes = [
            LegacyRoute(
                f"/calculate_{features}",
                self.calculate,
                LegacyNew,
                FORM,
                "Add an image to this service alone; 500 if the id is there already",
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
                "Find images like a known one, which comes first where distances count",
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
                    reason_of(self._service.name, "calculate"),
                )
        except MissingError as error:
            if error.kind:  # it took any text, and failed at what is no number
                return failed(reason_of(self._service.name, "calculate"))
            return error.of_service()

    async def delete(self, request: Request) -> Response:
        """Remove an image."""
        sentence = reason_of(self._service.name, "delete")
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
        """Work in a thread, and answer as the original where that fails."""
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
            found = matched(name, options, Wanted.told(fields), search, known=known)
        except NotFoundError:
            if not by_matches(options):
                raise
            found = []
        return as_json(self._names.put_on(found))

    def _add(self, image_id: ImageId, data: bytes) -> Response:
        file = ImageFile(data, limits=self._limits)
        with self._adding[image_id % _LOCKS]:
            if holds(self._service, image_id):
                status = HTTPStatus.INTERNAL_SERVER_ERROR
                return PlainTextResponse(TAKEN, status)
            (extracted,) = self._holding.extract([file])
            self._reserve_id(self._service.name, image_id)
            self._holding.put({image_id: extracted})
        return Response()

    def _remove(self, image_id: ImageId | None, name: object) -> Response:
        try:
            if image_id is None:
                image_id = self._names.image_id(str(name))
            known = self._holding.remove([image_id])
        except NotFoundError:
            known = []
        if not known and by_matches(self._searching.options):
            return failed(reason_of(self._service.name, "delete"))
        return Response()


def unreachable(error: UnavailableError) -> Response:
    """Return what the original's gateway answers while a service is down."""
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
