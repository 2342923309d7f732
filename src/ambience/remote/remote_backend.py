"""A service in another process, reached over HTTP."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from itertools import pairwise
from typing import Any

import httpx2
from pydantic import ValidationError

from ambience.core.errors import AmbienceError, BadParameterError, NotFoundError
from ambience.core.features import ImageId
from ambience.core.matches import Answer
from ambience.core.options import SearchOptions
from ambience.core.settings import TIMEOUT_S
from ambience.imaging import ImageFile
from ambience.remote.refusals import Address, Answered
from ambience.remote.transport import BoundedTransport
from ambience.service import SearchRequest
from ambience.web.schemas import HeldImages, SearchAnswer, answer_of

STATUS_S = 5.0  # what is asked for its state computes nothing


def connect(
    name: str,
    url: str,
    *,
    timeout_s: float,
    options: type[SearchOptions] = SearchOptions,
    reads_words: bool = False,
) -> "RemoteBackend":
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
    return RemoteBackend(
        name, client, options, reads_words=reads_words, timeout_s=timeout_s
    )


class RemoteBackend:
    """The same service behind HTTP.

    Attributes:
        address: Where it is looked for.
        url: The same, with a password if it has one.

    Args:
        name: The service's name.
        client: Reaches its process; closed with the backend.
        options: What a search may be told.
        reads_words: Whether it searches by words.
        timeout_s: How long one request may take.
    """

    def __init__(
        self,
        name: str,
        client: httpx2.Client,
        options: type[SearchOptions] = SearchOptions,
        *,
        reads_words: bool = False,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.name = name
        self.working_side = None
        self.options = options
        self.reads_words = reads_words
        self.timeout_s = timeout_s
        self.url = client.base_url
        self.address = Address(name, str(self.url.copy_with(userinfo=b"")))
        self._client = client

    def status(self) -> Mapping[str, Any]:
        """See `Backend.status`; a service that is down says so here too."""
        try:
            return self._status()
        except AmbienceError as error:
            return {"name": self.name, "available": False, "reason": str(error)}

    def extract(self, images: Sequence[ImageFile]) -> list[bytes]:
        """Return the files themselves: features are made where the service runs."""
        return [image.data for image in images]

    def put(self, extracted: Mapping[ImageId, Any]) -> None:
        """See `Backend.put`."""
        for image_id, data in extracted.items():
            self._change("PUT", f"/images/{image_id}", files={"image": data})

    def remove(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """See `Backend.remove`."""
        known: list[ImageId] = []
        for image_id in ids:
            try:
                self._change("DELETE", f"/images/{image_id}")
            except NotFoundError:
                continue
            known.append(image_id)
        return known

    def ids(self, *, after: ImageId | None = None, limit: int) -> list[ImageId]:
        """See `Backend.ids`."""
        params = {"limit": limit} | ({} if after is None else {"after": after})
        answered = self._send("GET", "/images", params=params)
        try:
            said = HeldImages.model_validate(answered.json).image_ids
        except ValidationError as error:
            raise self.address.something_else(answered.status) from error
        # Whoever reads on from the last one must come to an end.
        above = [-1 if after is None else after, *said]
        if any(b <= a for a, b in pairwise(above)) or len(said) > limit:
            raise self.address.something_else(answered.status)
        return [ImageId(image_id) for image_id in said]

    def search(
        self,
        image: ImageFile,
        request: SearchRequest,
    ) -> Answer:
        """See `Backend.search`; of all in ``radius``, those that HTTP answers."""
        files = {"image": image.data}
        return self._find("POST", "/search", params=_asked(request), files=files)

    def search_by_id(
        self,
        image_id: ImageId,
        request: SearchRequest,
    ) -> Answer:
        """See `Backend.search_by_id`; of all in ``radius``, those that HTTP answers."""
        path = f"/images/{image_id}/similar"
        return self._find("GET", path, params=_asked(request))

    def search_text(
        self,
        text: str,
        request: SearchRequest,
    ) -> Answer:
        """See `Backend.search_text`; of all in ``radius``, those that HTTP answers."""
        return self._find(
            "POST", "/search", params=_asked(request), data={"text": text}
        )

    def close(self) -> None:
        """See `Backend.close`."""
        self._client.close()

    def _status(self) -> Mapping[str, Any]:
        limit_s = min(STATUS_S, self.timeout_s)
        return self.address.state(self._send("GET", "", limit_s=limit_s))

    def _find(self, method: str, path: str, **options: Any) -> Answer:
        answered = self._send(method, path, **options)
        try:
            said = SearchAnswer.model_validate(answered.json)
        except ValidationError as error:
            raise self.address.something_else(answered.status) from error
        return answer_of(said)

    def _change(self, method: str, path: str, **options: Any) -> None:
        answered = self._send(method, path, **options)
        # A page of somebody else's must not pass for an image that was stored.
        if answered.status != HTTPStatus.NO_CONTENT:
            raise self.address.something_else(answered.status)

    def _send(
        self, method: str, path: str, *, limit_s: float | None = None, **options: Any
    ) -> Answered:
        limit_s = limit_s or self.timeout_s
        try:
            response = self._client.request(
                method,
                f"/{self.name}{path}",
                extensions={"limit_s": limit_s},
                **options,
            )
        except (httpx2.HTTPError, OSError) as error:
            raise self.address.silence(error, timeout_s=limit_s) from error
        media_type = response.headers.get("content-type", "").partition(";")[0]
        answered = Answered(response.status_code, media_type, response.content)
        if response.is_success:
            return answered
        refusal = self.address.refusal(answered, of_status=not path)
        if isinstance(refusal, NotFoundError):
            self._status()  # raises where it is the service that is not found
        raise refusal


def _asked(request: SearchRequest) -> dict[str, Any]:
    """Return what a search is told, as it stands in the address."""
    told = {"k": request.k, "radius": request.radius, **request.options}
    return {name: value for name, value in told.items() if value is not None}
