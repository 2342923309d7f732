"""The routes of the original's gateway: every service at once.

docs/legacy.md has the table.
"""

import contextlib
from collections.abc import Iterable
from http import HTTPStatus

from fastapi import APIRouter

from ambience.core.errors import NotFoundError, StoredDataError, UnavailableError
from ambience.core.features import ImageId
from ambience.fusion import MIN_SCORE
from ambience.gateway.legacy.forms import NewImageForAll, ReverseQuery
from ambience.gateway.legacy.matches import by_matches, in_order, measured, unified_list
from ambience.gateway.legacy.schemas import (
    FileNames,
    LegacyGoneForAll,
    LegacyMatch,
    LegacyNewForAll,
    LegacyOutcome,
    LegacyReverseSearch,
)
from ambience.gateway.legacy.service_routes import (
    TAG,
    TAKEN,
    features_of,
    holds,
    retrieval,
)
from ambience.imaging import ImageFile
from ambience.ingest import Arrival
from ambience.library.resources import Resources
from ambience.search.questions import ByImage
from ambience.search.reverse_search import ReverseSearch
from ambience.service import AnyService, required
from ambience.service.capabilities import HoldsImages
from ambience.web.forms import FormRoute, only_fields
from ambience.web.openapi import problems
from ambience.web.schemas import JSON

_SHOWN = 20  # images in each list of a reverse search
_ORDER = ("global_features", "local_features", "color", "phash", "image_text")


def legacy_image_routes(parts: Resources, *, names: FileNames) -> APIRouter:
    """Return the original's routes of the gateway: all services at once.

    Args:
        parts: What answers.
        names: How images are called.
    """
    router = APIRouter(tags=[TAG], route_class=FormRoute)
    services = sorted(
        retrieval(parts.services),
        key=lambda one: _ORDER.index(one.name) if one.name in _ORDER else len(_ORDER),
    )

    @router.post(
        "/calculate_all_image_features",
        response_model_exclude_none=True,
        responses=problems(HTTPStatus.CONFLICT, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        dependencies=[only_fields(*LegacyNewForAll.model_fields)],
    )
    def calculate_all(
        told: NewImageForAll,
    ) -> list[LegacyOutcome]:
        """Add an image to every service that has none of this id; keep no file."""
        new, data = told
        file = ImageFile(data, limits=parts.limits)
        _ = file.info  # whatever is wrong with it is wrong for every service
        reasons = _added(parts, ImageId(new.image_id), file)
        return [_outcome(one, reasons.get(one.name, ""), value="") for one in services]

    @router.post(
        "/delete_all_image_features",
        response_model_exclude_none=True,
        responses=problems(HTTPStatus.CONFLICT),
    )
    def delete_all(gone: LegacyGoneForAll) -> list[LegacyOutcome]:
        """Remove an image from every service."""
        image_id = ImageId(gone.image_id)
        reasons = {one.name: _why_not_removed(one, image_id) for one in services}
        with contextlib.suppress(NotFoundError):
            parts.writer.delete(image_id)
        return [
            _outcome(one, reasons[one.name], url=f"/delete_{features_of(one.name)}")
            for one in services
        ]

    @router.post(
        "/reverse_search",
        responses=problems(HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        dependencies=[only_fields(*LegacyReverseSearch.model_fields)],
    )
    def reverse_search(told: ReverseQuery) -> dict[str, list[JSON]]:
        """Find images like the one sent, a list for each service."""
        asked, data = told
        copies_only = asked.find_duplicate != 0
        found = parts.searcher.search(
            ByImage(ImageFile(data, limits=parts.limits)),
            k=_SHOWN,
            services=(),
            copies_only=copies_only,
            min_score=MIN_SCORE,
        )
        return legacy_lists(names, found, copies_only=copies_only)

    return router


def legacy_lists(
    names: FileNames, found: ReverseSearch, *, copies_only: bool
) -> dict[str, list[JSON]]:
    """Return a reverse search as the original answers it, without empty lists."""
    if copies_only:
        copies = [
            LegacyMatch(
                image_id=match.image_id,
                matches=match.evidence.get("local_features", {}).get("inliers"),
            )
            for match in found.matches
        ]
        shown = _dumped(names.put_on(copies))
        return {"duplicate": shown, "local_features_res": shown} if shown else {}
    by_service = {
        f"{name}_res": in_order(
            [measured(name, match, "inliers") for match in said.answer.matches]
        )[:_SHOWN]
        for name, said in found.services.items()
    }
    told = {
        name: _dumped(names.put_on(listed))
        for name, listed in by_service.items()
        if listed
    }
    unified = unified_list(by_service.values())
    return told | ({"unified_res": unified} if unified else {})


def _dumped(found: Iterable[LegacyMatch]) -> list[JSON]:
    return [match.model_dump(exclude_none=True) for match in found]


def _added(parts: Resources, image_id: ImageId, file: ImageFile) -> dict[str, str]:
    """Add an image; return by service why it was not added."""
    reasons = {
        one.name: _why_not_added(one, image_id) for one in retrieval(parts.services)
    }
    known = parts.catalog.find([image_id])
    if not known and TAKEN not in reasons.values():
        prepared = parts.writer.prepare(file)
        arrival = Arrival(image_id, prepared, upload=file.data, is_new=True)
        return parts.writer.put([arrival])
    if known and known[0].sha256 != file.sha256:
        return dict.fromkeys(reasons, TAKEN)
    for service in retrieval(
        parts.services
    ):  # the rest of an image that is partly there
        if not reasons[service.name]:
            try:
                parts.writer.claim(service.name, image_id)
                holder = required(service, HoldsImages)
                holder.put({image_id: holder.extract([file])[0]})
            except (StoredDataError, UnavailableError) as error:
                reasons[service.name] = str(error)
    return reasons


def _why_not_added(service: AnyService, image_id: ImageId) -> str:
    """Return why an image can't be added to a service; empty if it can."""
    try:
        return TAKEN if holds(service, image_id) else ""
    except (StoredDataError, UnavailableError) as error:
        return str(error)


def _why_not_removed(service: AnyService, image_id: ImageId) -> str:
    """Return why an image is not removed from a service; empty if it is."""
    try:
        known = holds(service, image_id)
    except (StoredDataError, UnavailableError) as error:
        return str(error)
    if known or not by_matches(service):
        return ""
    return f"{service.name} has no image {image_id}"


def _outcome(
    service: AnyService,
    reason: str,
    *,
    value: str | None = None,
    url: str | None = None,
) -> LegacyOutcome:
    if not reason:
        return LegacyOutcome(service=service.name, status="fulfilled", value=value)
    return LegacyOutcome(
        service=service.name, status="rejected", reason=reason, data=reason, url=url
    )
