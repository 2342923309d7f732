"""The routes of the original's gateway: every service at once.

docs/legacy.md has the table.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ambience.core.errors import (
    AmbienceError,
    NotFoundError,
    StoredDataError,
    UnavailableError,
)
from ambience.core.features import MAX_IMAGE_ID, ImageId
from ambience.gateway.legacy.matches import (
    SearchFields,
    counts_matches,
    matched,
    unified_list,
)
from ambience.gateway.legacy.requests import (
    MissingError,
    fields_of,
    form_of,
    image_id_in,
    whole,
)
from ambience.gateway.legacy.routing import FORM, LegacyRoute
from ambience.gateway.legacy.schemas import (
    FileNames,
    LegacyGoneForAll,
    LegacyNewForAll,
    LegacyReverseSearch,
)
from ambience.gateway.legacy.service_routes import (
    TAKEN,
    as_json,
    failure_message,
    feature_name,
    holds,
    retrieval_services,
)
from ambience.imaging import ImageFile
from ambience.ingest import Arrival
from ambience.library.components import Components
from ambience.service import AnyService, required, working_sides
from ambience.service.capabilities import HoldsImages, SearchesImages
from ambience.web.schemas import JSON

_SHOWN = 20  # images in each list of a reverse search
_FIELD = 10  # bytes of a form field: the original ignored the rest
_NEAR = 64  # bits: hashes within this mean the same picture
_DEEP = 200  # images to ask of every other service

# What each service is asked in a reverse search, in the order of the answer.
_ASKED: Mapping[str, Mapping[str, int]] = {
    "phash": {"distance_threshold": _NEAR},
    "global_features": {"k": _DEEP},
    "local_features": {
        "k": _DEEP,
        "knn_min_matches": 4,
        "use_smnn_matching": 1,
        "use_ransac": 1,
    },
    "color": {"k": _DEEP},
    "image_text": {"k": _DEEP},
}
_ORDER = ("color", "phash", "image_text")  # in answers to changes; others follow
_FAILED = "Request failed with status code 500"

_log = logging.getLogger(__name__)


def legacy_image_routes(parts: Components, *, names: FileNames) -> list[LegacyRoute]:
    """Return the original's routes of the gateway.

    Args:
        parts: The components of the library.
        names: How images are named.
    """
    routes = _Routes(parts, names)
    return [
        LegacyRoute(
            "/calculate_all_image_features",
            routes.calculate,
            LegacyNewForAll,
            FORM,
            "Add an image to every service that has none of this id; keep no file",
        ),
        LegacyRoute(
            "/delete_all_image_features",
            routes.delete,
            LegacyGoneForAll,
            "application/json",
            "Remove an image from every service",
        ),
        LegacyRoute(
            "/reverse_search",
            routes.search,
            LegacyReverseSearch,
            FORM,
            "Find images like the one sent, a list for each service",
        ),
    ]


class _Routes:
    def __init__(self, parts: Components, names: FileNames) -> None:
        self._parts = parts
        self._names = names
        self._services = sorted(
            retrieval_services(parts.services),
            key=lambda one: (
                _ORDER.index(one.name) if one.name in _ORDER else len(_ORDER)
            ),
        )

    async def calculate(self, request: Request) -> Response:
        """Add an image to every service."""
        try:
            async with form_of(request) as (fields, data):
                image_id = image_id_in(_cut(fields))
                reasons = await run_in_threadpool(self._added, image_id, data)
        except MissingError as error:
            return error.of_gateway()
        return _from_gateway(self._outcomes(request, "calculate", reasons))

    async def delete(self, request: Request) -> Response:
        """Remove an image from every service."""
        try:
            image_id = image_id_in(await fields_of(request))
        except MissingError as error:
            return error.of_gateway()
        reasons = await run_in_threadpool(self._removed, image_id)
        return _from_gateway(self._outcomes(request, "delete", reasons))

    async def search(self, request: Request) -> Response:
        """Find images like the one sent."""
        try:
            async with form_of(request) as (fields, data):
                find_duplicate = _flag(_cut(fields).get("find_duplicate", "0"))
                if find_duplicate:
                    near = (await self._all_found(data, ("phash",))).get("phash")
                    return _from_gateway({"duplicate": near} if near else {})
                found = await self._all_found(data, tuple(_ASKED))
        except MissingError as error:
            return error.of_gateway()
        told = {f"{name}_res": one[:_SHOWN] for name, one in found.items() if one}
        unified = unified_list(list(found.values()))
        return _from_gateway(told | ({"unified_res": unified} if unified else {}))

    async def _all_found(
        self, data: bytes, names: tuple[str, ...]
    ) -> dict[str, list[JSON]]:
        """Return what each of some services finds; all are asked at once."""
        there = {b.name: b for b in self._services}
        asked = [there[name] for name in names if name in there]
        file = ImageFile(data, limits=self._parts.limits, sides=working_sides(asked))
        found = await asyncio.gather(
            *(run_in_threadpool(self._found, service, file) for service in asked)
        )
        return {b.name: one for b, one in zip(asked, found, strict=True)}

    def _found(self, service: AnyService, file: ImageFile) -> list[JSON]:
        """Return what a service finds; nothing if it is out of order."""
        try:
            searching = required(service, SearchesImages)
            found = matched(
                service.name,
                searching.options,
                SearchFields.told(_ASKED[service.name]),
                partial(searching.search, file),
            )
        except AmbienceError as error:
            _log.info("%s finds nothing: %s", service.name, error)
            return []
        return self._names.with_names(found)

    def _outcomes(
        self, request: Request, verb: str, reasons: Mapping[str, "_Reason"]
    ) -> list[JSON]:
        """Return the result of a change in each service."""
        base = str(request.base_url)
        said = []
        for service in self._services:
            reason = reasons.get(service.name)
            url = f"{base}{verb}_{feature_name(service.name)}"
            if reason is None:
                said.append({"status": "fulfilled", "value": "", "url": url})
            else:
                said.append({"status": "rejected", **reason, "url": url})
        return said

    def _added(self, image_id: ImageId, data: bytes) -> dict[str, "_Reason"]:
        """Add an image; return why services did not add it, by service."""
        parts = self._parts
        file = ImageFile(data, limits=parts.limits)
        try:
            _ = file.info  # whatever is wrong with it is wrong for every service
            return self._put(image_id, file)
        except AmbienceError as error:
            _log.info("image %d is not added: %s", image_id, error)
            return {b.name: _refused(b, "calculate") for b in self._services}

    def _put(self, image_id: ImageId, file: ImageFile) -> dict[str, "_Reason"]:
        parts = self._parts
        reasons = dict(self._not_addable(image_id))
        known = parts.catalog.find([image_id])
        if not known and _EXISTS not in reasons.values():
            prepared = parts.writer.prepare(file)
            arrival = Arrival(image_id, prepared, upload=file.data, is_new=True)
            away = parts.writer.put([arrival])
            return {name: {"reason": why} for name, why in away.items()}
        if known and known[0].sha256 != file.sha256:
            return {b.name: _EXISTS for b in self._services}
        for service in self._services:  # complete an image that only some have
            if service.name not in reasons:
                try:
                    parts.writer.note_lone_image(service.name, image_id)
                    holding = required(service, HoldsImages)
                    holding.put({image_id: holding.extract([file])[0]})
                except (StoredDataError, UnavailableError) as error:
                    reasons[service.name] = {"reason": str(error)}
        return reasons

    def _not_addable(self, image_id: ImageId) -> Iterator[tuple[str, "_Reason"]]:
        """Yield the services that an image can't be added to, and why."""
        for service in self._services:
            try:
                if holds(service, image_id):
                    yield service.name, _EXISTS
            except (StoredDataError, UnavailableError) as error:
                yield service.name, {"reason": str(error)}

    def _removed(self, image_id: ImageId) -> dict[str, "_Reason"]:
        """Remove an image; return why services did not remove it, by service."""
        reasons: dict[str, _Reason] = {}
        for service in self._services:
            try:
                if not holds(service, image_id) and _counts(service):
                    reasons[service.name] = _refused(service, "delete")
            except (StoredDataError, UnavailableError) as error:
                reasons[service.name] = {"reason": str(error)}
        try:
            self._parts.writer.delete(image_id)
        except NotFoundError:
            _log.info("there is no image %d to delete", image_id)
        return reasons


_Reason = Mapping[str, Any]
_EXISTS: _Reason = {"reason": _FAILED, "data": TAKEN}


def _counts(service: AnyService) -> bool:
    return counts_matches(required(service, SearchesImages).options)


def _refused(service: AnyService, verb: str) -> _Reason:
    return {"reason": _FAILED, "data": {"detail": failure_message(service.name, verb)}}


def _cut(fields: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of a form, cut off where the original stopped reading."""
    return {
        name: value.encode()[:_FIELD].decode(errors="ignore")
        for name, value in fields.items()
    }


def _flag(text: str) -> bool:
    """Tell whether a text begins with a whole number other than 0."""
    digits = text.strip().lstrip("+-")
    begin = digits[: len(digits) - len(digits.lstrip("0123456789"))]
    return bool(begin) and whole(begin) != 0


def _from_gateway(found: object) -> Response:
    """Return an answer as the original's gateway writes it."""
    response = as_json(_as_numbers(found))
    response.headers["Content-Type"] = "application/json; charset=utf-8"
    return response


def _as_numbers(found: Any) -> Any:
    """Return an answer with numbers as in JavaScript: whole ones without .0."""
    if isinstance(found, float) and found.is_integer() and found <= MAX_IMAGE_ID:
        return int(found)
    if isinstance(found, list):
        return [_as_numbers(one) for one in found]
    if isinstance(found, dict):
        return {name: _as_numbers(one) for name, one in found.items()}
    return found
