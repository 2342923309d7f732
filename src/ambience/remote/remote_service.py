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

STATUS_S = 5.0  # a status takes no computation


def connect(  # noqa: PLR0913 -- each is passed by name
    name: str,
    url: str,
    *,
    timeout_s: float,
    options: type[SearchOptions] = SearchOptions,
    abilities: Abilities = RETRIEVAL,
    is_slow: bool = False,
) -> "RemoteService":
    """Return the service at an address, which need not be running yet.

    Raises:
        BadParameterError: If this is not an address.
    """
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise BadParameterError(
            f"services.{name}.url: {url!r} is not an address ({error})"
        ) from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise BadParameterError(
            f"services.{name}.url: {url!r} is not an address such as "
            "http://127.0.0.1:33336"
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
    """A service that is reached over HTTP.

    It can do what its last status said, as far as HTTP allows; before the first status,
    what its declaration says.

    Args:
        name: The service's name.
        client: Reaches its process; closed with the service.
        options: The class of its search options.
        abilities: The abilities in its declaration.
        timeout_s: How long one request may take.
        is_slow: See `AnyService.is_slow`.
    """

    def __init__(  # noqa: PLR0913 -- each is passed by name
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
        """See `AnyService.status`; it also says so if the service is down."""
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
        """Return the files themselves: features are extracted at the service."""
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
        # Whoever reads on from the last id must come to an end.
        above = [-1 if after is None else after, *said]
        if any(b <= a for a, b in pairwise(above)) or len(said) > limit:
            raise self._address.wrong_answer(answered.status)
        return [ImageId(image_id) for image_id in said]

    def search(
        self,
        image: ImageFile,
        request: SearchRequest,
    ) -> Answer:
        """See `SearchesImages.search`; a radius is limited as over HTTP."""
        files = {"image": image.data}
        return self._find("POST", "/search", params=_asked(request), files=files)

    def search_by_id(
        self,
        image_id: ImageId,
        request: SearchRequest,
    ) -> Answer:
        """See `SearchesImages.search_by_id`; a radius is limited as over HTTP."""
        path = f"/images/{image_id}/similar"
        return self._find("GET", path, params=_asked(request))

    def search_text(
        self,
        text: str,
        request: SearchRequest,
    ) -> Answer:
        """See `SearchesText.search_text`; a radius is limited as over HTTP."""
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
        """Parse the body of an answer."""
        try:
            return kind.model_validate(answered.json)
        except ValidationError as error:
            raise self._address.wrong_answer(answered.status) from error

    def _change(self, method: str, path: str, **options: Any) -> None:
        answered = self._send(method, path, **options)
        # An answer from something else must not pass for an image that was stored.
        if answered.status != HTTPStatus.NO_CONTENT:
            raise self._address.wrong_answer(answered.status)

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
            raise self._address.no_answer(error, timeout_s=limit_s) from error
        media_type = response.headers.get("content-type", "").partition(";")[0]
        answered = Answered(response.status_code, media_type, response.content)
        if response.is_success:
            return answered
        refusal = self._address.refusal(answered, of_status=not path)
        if isinstance(refusal, NotFoundError):
            self._status()  # raises if the service itself is not found
        raise refusal


def _asked(request: SearchRequest) -> dict[str, Any]:
    """Return the parameters of a search for the query string."""
    told = {"k": request.k, "radius": request.radius, **request.options}
    return {name: value for name, value in told.items() if value is not None}
