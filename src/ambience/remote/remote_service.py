"""A service in another process, reached over HTTP."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from itertools import pairwise
from typing import Any, TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from ambience.core.errors import AmbienceError, BadParameterError, NotFoundError
from ambience.core.features import ImageId
from ambience.core.matches import Answer
from ambience.core.search_options import SearchOptions
from ambience.core.settings import TIMEOUT_S
from ambience.imaging import ImageFile
from ambience.remote.refusals import Address, Answered, abilities_in
from ambience.remote.transport import BoundedTransport
from ambience.service import SearchRequest
from ambience.service.capabilities import (
    RETRIEVAL,
    Abilities,
    Annotation,
    names_of,
)
from ambience.web.addresses import API
from ambience.web.wire import (
    AnnotationAnswer,
    ImageIdPage,
    SearchAnswer,
    annotation_of,
    answer_of,
)

C = TypeVar("C")
M = TypeVar("M", bound=BaseModel)

STATUS_S = 5.0  # what is asked for its state computes nothing


def connect(  # noqa: PLR0913 -- each is told by name
    name: str,
    url: str,
    *,
    timeout_s: float,
    options: type[SearchOptions] = SearchOptions,
    abilities: Abilities = RETRIEVAL,
    is_slow: bool = False,
) -> "RemoteService":
    """Return a service that runs at an address; it need not be up yet.

    Raises:
        BadParameterError: If it is no address.
    """
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise BadParameterError(
            f"services.{name}.url: {url!r} is no address ({error})"
        ) from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise BadParameterError(
            f"services.{name}.url: {url!r} is no address such as http://127.0.0.1:33336"
        )
    transport = BoundedTransport(parsed, timeout_s=timeout_s)
    client = httpx2.Client(base_url=parsed, transport=transport, trust_env=False)
    return RemoteService(
        name,
        client,
        options,
        abilities=abilities,
        timeout_s=timeout_s,
        is_slow=is_slow,
    )


class RemoteService:
    """The same service behind HTTP.

    It can do what its status has last said that it can, of what HTTP carries; until it
    was heard, what its declaration says.

    Args:
        name: The service's name.
        client: Reaches its process; closed with the service.
        options: What a search may be told.
        abilities: What its declaration says that it can do.
        timeout_s: How long one request may take.
        is_slow: See `AnyService.is_slow`.
    """

    def __init__(  # noqa: PLR0913 -- each is told by name
        self,
        name: str,
        client: httpx2.Client,
        options: type[SearchOptions] = SearchOptions,
        *,
        abilities: Abilities = RETRIEVAL,
        timeout_s: float = TIMEOUT_S,
        is_slow: bool = False,
    ) -> None:
        self.name = name
        self.is_slow = is_slow
        self.working_side = None
        self.options = options
        self.timeout_s = timeout_s
        self.url = str(client.base_url)
        self._abilities = abilities
        self._address = Address.of(name, client.base_url)
        self._client = client

    def status(self) -> Mapping[str, Any]:
        """See `AnyService.status`; a service that is down says so here too."""
        try:
            return self._status()
        except AmbienceError as error:
            return {
                "name": self.name,
                "abilities": names_of(self._abilities),
                "available": False,
                "reason": str(error),
            }

    def ability(self, kind: type[C]) -> C | None:
        """See `AnyService.ability`."""
        return self if kind in self._abilities and isinstance(self, kind) else None

    def extract(self, images: Sequence[ImageFile]) -> list[bytes]:
        """Return the files themselves: features are made where the service runs."""
        return [image.data for image in images]

    def put(self, extracted: Mapping[ImageId, Any]) -> None:
        """See `HoldsImages.put`."""
        for image_id, data in extracted.items():
            self._change("PUT", f"/images/{image_id}", files={"image": data})

    def remove(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """See `HoldsImages.remove`."""
        known: list[ImageId] = []
        for image_id in ids:
            try:
                self._change("DELETE", f"/images/{image_id}")
            except NotFoundError:
                continue
            known.append(image_id)
        return known

    def ids(self, *, after: ImageId | None = None, limit: int) -> list[ImageId]:
        """See `HoldsImages.ids`."""
        params = {"limit": limit} | ({} if after is None else {"after": after})
        answered = self._send("GET", "/images", params=params)
        said = self._read(ImageIdPage, answered).image_ids
        # Whoever reads on from the last one must come to an end.
        above = [-1 if after is None else after, *said]
        if any(b <= a for a, b in pairwise(above)) or len(said) > limit:
            raise self._address.something_else(answered.status)
        return [ImageId(image_id) for image_id in said]

    def search(
        self,
        image: ImageFile,
        request: SearchRequest,
    ) -> Answer:
        """See `SearchesImages.search`; of a radius, what HTTP answers."""
        files = {"image": image.data}
        return self._find("POST", "/search", params=_asked(request), files=files)

    def search_by_id(
        self,
        image_id: ImageId,
        request: SearchRequest,
    ) -> Answer:
        """See `SearchesImages.search_by_id`; of a radius, what HTTP answers."""
        path = f"/images/{image_id}/similar"
        return self._find("GET", path, params=_asked(request))

    def search_text(
        self,
        text: str,
        request: SearchRequest,
    ) -> Answer:
        """See `SearchesText.search_text`; of a radius, what HTTP answers."""
        return self._find(
            "POST", "/search", params=_asked(request), data={"text": text}
        )

    def annotate(self, images: Sequence[ImageFile]) -> list[Annotation]:
        """See `Annotates.annotate`."""
        return [self._annotation(image) for image in images]

    def close(self) -> None:
        """See `AnyService.close`."""
        self._client.close()

    def _status(self) -> Mapping[str, Any]:
        limit_s = min(STATUS_S, self.timeout_s)
        state = self._address.state(self._send("GET", "", limit_s=limit_s))
        heard = abilities_in(state)
        if heard is not None:
            self._abilities = heard
        return state

    def _find(self, method: str, path: str, **options: Any) -> Answer:
        answered = self._send(method, path, **options)
        return answer_of(self._read(SearchAnswer, answered))

    def _annotation(self, image: ImageFile) -> Annotation:
        answered = self._send("POST", "/annotate", files={"image": image.data})
        return annotation_of(self._read(AnnotationAnswer, answered))

    def _read(self, kind: type[M], answered: Answered) -> M:
        """Return a body as what it should be."""
        try:
            return kind.model_validate(answered.json)
        except ValidationError as error:
            raise self._address.something_else(answered.status) from error

    def _change(self, method: str, path: str, **options: Any) -> None:
        answered = self._send(method, path, **options)
        # A page of somebody else's must not pass for an image that was stored.
        if answered.status != HTTPStatus.NO_CONTENT:
            raise self._address.something_else(answered.status)

    def _send(
        self, method: str, path: str, *, limit_s: float | None = None, **options: Any
    ) -> Answered:
        limit_s = limit_s or self.timeout_s
        try:
            response = self._client.request(
                method,
                f"{API}/{self.name}{path}",
                extensions={"limit_s": limit_s},
                **options,
            )
        except (httpx2.HTTPError, OSError) as error:
            raise self._address.silence(error, timeout_s=limit_s) from error
        media_type = response.headers.get("content-type", "").partition(";")[0]
        answered = Answered(response.status_code, media_type, response.content)
        if response.is_success:
            return answered
        refusal = self._address.refusal(answered, of_status=not path)
        if isinstance(refusal, NotFoundError):
            self._status()  # raises where it is the service that is not found
        raise refusal


def _asked(request: SearchRequest) -> dict[str, Any]:
    """Return what a search is told, as it stands in the address."""
    told = {"k": request.k, "radius": request.radius, **request.options}
    return {name: value for name, value in told.items() if value is not None}
