"""The routes of the original ambience, so that programs written for it keep working.

They take its fields and units and answer in its shapes, from the services that answer
our own routes; docs/legacy.md has the table.
"""

import contextlib
import math
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from http import HTTPStatus

from fastapi import APIRouter, Response
from fastapi.responses import PlainTextResponse

from ambience.core.errors import (
    BadParameterError,
    NotFoundError,
    StoredDataError,
    UnavailableError,
)
from ambience.core.features import ImageId
from ambience.core.matches import Answer, Match
from ambience.gateway.legacy.forms import NewImage, NewImageForAll, QueryImage
from ambience.gateway.legacy.schemas import (
    FileNames,
    LegacyGone,
    LegacyGoneForAll,
    LegacyMatch,
    LegacyNew,
    LegacyNewForAll,
    LegacyOutcome,
    LegacySearch,
    LegacySearchById,
    LegacySearchByImage,
    LegacySearchByText,
)
from ambience.gateway.routes.search_routes import Also
from ambience.imaging import ImageFile, Limits
from ambience.ingest import Arrival
from ambience.library.resources import Resources
from ambience.search.reverse_search import ReverseSearch
from ambience.service import SearchRequest
from ambience.service.backend import Backend
from ambience.service.keypoints import MultiVectorOptions
from ambience.web.forms import FormRoute, only_fields
from ambience.web.openapi import problems
from ambience.web.schemas import JSON, MAX_K
from ambience.web.service_routes import Claim

_TAG = "legacy"
_SHOWN = 20  # images in each list of a reverse search
_AS_TEXT: JSON = {"text/plain": {"schema": {"type": "string"}}}
_TAKEN = "Image with the same id is already in the db"  # as its clients know it
_LOCKS = 64  # images that can be added at once: more than there are threads
_VERSIONS = 2  # of a query with many vectors: as it is, and mirrored

# Squared L2 of unit vectors is twice their cosine distance; color histograms summed up
# to ten million.
_UNITS = {"color": 1e7, "global_features": 2.0, "image_text": 2.0}
_SEARCHED_AS = {"image_text": "image_text_features"}  # the others by their own name
_ORDER = ("global_features", "local_features", "color", "phash", "image_text")


def legacy_service_routes(
    backends: Sequence[Backend],
    *,
    limits: Limits,
    names: FileNames,
    claim: Claim = lambda _, __: None,
) -> APIRouter:
    """Return the original's routes of services: add, remove, search by id, by image.

    Args:
        backends: The services.
        limits: What images may cost.
        names: How images are called.
        claim: See `Claim`; nobody gives out ids where services run alone.
    """
    router = APIRouter(tags=[_TAG], route_class=FormRoute)
    for backend in backends:
        router.include_router(_change_routes(backend, limits, names, claim))
        router.include_router(_search_routes(backend, limits, names))
    return router


def _change_routes(
    backend: Backend, limits: Limits, names: FileNames, claim: Claim
) -> APIRouter:
    router = APIRouter(route_class=FormRoute)
    features = _features(backend.name)
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
        (extracted,) = backend.extract([file])
        with adding[image_id % _LOCKS]:
            if _holds(backend, image_id):
                return PlainTextResponse(_TAKEN, HTTPStatus.INTERNAL_SERVER_ERROR)
            claim(backend.name, image_id)
            backend.put({image_id: extracted})
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
        if not backend.remove([image_id]) and _by_matches(backend):
            raise NotFoundError(f"{backend.name} has no image {image_id}")
        return Response()

    return router


def _search_routes(backend: Backend, limits: Limits, names: FileNames) -> APIRouter:
    router = APIRouter(route_class=FormRoute)
    similar = _SEARCHED_AS.get(backend.name, backend.name) + "_get_similar_images_by"

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
        found = _found(backend, asked, partial(backend.search, file))
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
            answer = backend.search_by_id(image_id, request)
            if _by_matches(backend):
                return answer
            return Answer((Match(image_id, 0.0), *answer.matches))

        try:
            return names.put_on(_found(backend, asked, search))
        except NotFoundError:
            if _by_matches(backend):
                return []
            raise

    if backend.reads_words:

        @router.post(f"/{similar}_text", response_model_exclude_none=True)
        def by_text(asked: LegacySearchByText) -> list[LegacyMatch]:
            """Find the images that words describe."""
            found = _found(backend, asked, partial(backend.search_text, asked.text))
            return names.put_on(found)

    return router


def legacy_image_routes(parts: Resources) -> APIRouter:
    """Return the original's routes of the gateway: all services at once."""
    router = APIRouter(tags=[_TAG], route_class=FormRoute)
    backends = sorted(
        parts.backends,
        key=lambda b: _ORDER.index(b.name) if b.name in _ORDER else len(_ORDER),
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
        return [_outcome(b, reasons.get(b.name, ""), value="") for b in backends]

    @router.post(
        "/delete_all_image_features",
        response_model_exclude_none=True,
        responses=problems(HTTPStatus.CONFLICT),
    )
    def delete_all(gone: LegacyGoneForAll) -> list[LegacyOutcome]:
        """Remove an image from every service."""
        image_id = ImageId(gone.image_id)
        reasons = {b.name: _why_not_removed(b, image_id) for b in backends}
        with contextlib.suppress(NotFoundError):
            parts.writer.delete(image_id)
        return [
            _outcome(b, reasons[b.name], url=f"/delete_{_features(b.name)}")
            for b in backends
        ]

    return router


def legacy_lists(names: FileNames) -> Also:
    """Return what adds the original's lists to the answer of a reverse search."""

    def lists(found: ReverseSearch, *, copies_only: bool) -> JSON:
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
            f"{name}_res": _in_order(
                [_measured(name, match, "inliers") for match in said.answer.matches]
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

    return lists


def unified_list(lists: Iterable[Sequence[LegacyMatch]]) -> list[JSON]:
    """Return the images in more than one list, the largest score first, ties by id.

    An image's score is the sum of 1 / rank over the lists that it is in.
    """
    shares: defaultdict[int, list[float]] = defaultdict(list)
    for listed in lists:
        for rank, match in enumerate(listed, 1):
            shares[match.image_id].append(1 / rank)
    scores = {i: sum(own) for i, own in shares.items() if len(own) > 1}
    return [
        {"image_id": image_id, "score": score}
        for image_id, score in sorted(scores.items(), key=lambda one: (-one[1], one[0]))
    ]


def _features(name: str) -> str:
    return name if name.endswith("_features") else f"{name}_features"


def _by_matches(backend: Backend) -> bool:
    """Tell whether a service compares keypoints, and says how many fit."""
    return issubclass(backend.options, MultiVectorOptions)


def _found(
    backend: Backend, asked: LegacySearch, search: Callable[[SearchRequest], Answer]
) -> list[LegacyMatch]:
    """Return what a search finds: by matches, or by exactly one of k and threshold."""
    k = min(asked.k or MAX_K, MAX_K)
    options = asked.options_of(backend)
    if _by_matches(backend):
        return _with_matches(backend, asked, search)[:k]
    if (asked.k is None) == (asked.distance_threshold is None):
        raise BadParameterError("give exactly one of k and distance_threshold")
    if asked.distance_threshold is None:
        answer = search(SearchRequest(k=k, options=options))
    else:
        unit = _UNITS.get(backend.name, 1.0)
        radius = asked.distance_threshold / unit
        answer = search(SearchRequest(radius=radius, options=options))
    found = [_measured(backend.name, match) for match in answer.matches[:k]]
    below = asked.distance_threshold
    return [m for m in found if below is None or (m.distance or 0) < below]


def _with_matches(
    backend: Backend, asked: LegacySearch, search: Callable[[SearchRequest], Answer]
) -> list[LegacyMatch]:
    """Return what has enough matches, most first: by votes, by pairs or by inliers."""
    options = asked.options_of(backend) | {"verify": asked.use_smnn_matching}
    if not asked.use_smnn_matching:
        counted = "votes"
        if asked.k is not None:
            options["max_candidates"] = _VERSIONS * min(asked.k, MAX_K)
    else:
        counted = "inliers" if asked.use_ransac else "matches"
    # All of them: those with the most matches need not be the nearest.
    answer = search(SearchRequest(radius=1.0, options=options))
    found = [_measured(backend.name, match, counted) for match in answer.matches]
    return _in_order([m for m in found if (m.matches or 0) >= asked.knn_min_matches])


def _measured(name: str, match: Match, counted: str = "") -> LegacyMatch:
    """Return a match in the original's unit."""
    if counted in match.details:
        matches = math.ceil(match.details[counted])  # a vote counts up to 1
        return LegacyMatch(image_id=match.image_id, matches=matches)
    distance = match.distance * _UNITS.get(name, 1.0)
    whole = int(distance) if distance.is_integer() else distance
    return LegacyMatch(image_id=match.image_id, distance=whole)


def _in_order(found: list[LegacyMatch]) -> list[LegacyMatch]:
    """Return matches by how many keypoints match; others stay nearest first."""
    return sorted(found, key=lambda match: -(match.matches or 0))


def _dumped(found: Iterable[LegacyMatch]) -> list[JSON]:
    return [match.model_dump(exclude_none=True) for match in found]


def _holds(backend: Backend, image_id: ImageId) -> bool:
    """Tell whether a service has an image."""
    before = ImageId(image_id - 1) if image_id else None
    return backend.ids(after=before, limit=1) == [image_id]


def _added(parts: Resources, image_id: ImageId, file: ImageFile) -> dict[str, str]:
    """Add an image; return by service why it was not added."""
    reasons = {b.name: _why_not_added(b, image_id) for b in parts.backends}
    known = parts.catalog.find([image_id])
    if not known and _TAKEN not in reasons.values():
        prepared = parts.writer.prepare(file)
        arrival = Arrival(image_id, prepared, upload=file.data, is_new=True)
        return parts.writer.put([arrival])
    if known and known[0].sha256 != file.sha256:
        return dict.fromkeys(reasons, _TAKEN)
    for backend in parts.backends:  # the rest of an image that is partly there
        if not reasons[backend.name]:
            try:
                parts.writer.claim(backend.name, image_id)
                backend.put({image_id: backend.extract([file])[0]})
            except (StoredDataError, UnavailableError) as error:
                reasons[backend.name] = str(error)
    return reasons


def _why_not_added(backend: Backend, image_id: ImageId) -> str:
    """Return why an image can't be added to a service; empty if it can."""
    try:
        return _TAKEN if _holds(backend, image_id) else ""
    except (StoredDataError, UnavailableError) as error:
        return str(error)


def _why_not_removed(backend: Backend, image_id: ImageId) -> str:
    """Return why an image is not removed from a service; empty if it is."""
    try:
        known = _holds(backend, image_id)
    except (StoredDataError, UnavailableError) as error:
        return str(error)
    if known or not _by_matches(backend):
        return ""
    return f"{backend.name} has no image {image_id}"


def _outcome(
    backend: Backend, reason: str, *, value: str | None = None, url: str | None = None
) -> LegacyOutcome:
    if not reason:
        return LegacyOutcome(service=backend.name, status="fulfilled", value=value)
    return LegacyOutcome(
        service=backend.name, status="rejected", reason=reason, data=reason, url=url
    )
