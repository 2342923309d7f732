"""A service in another process, reached over HTTP."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import httpx2
from pydantic import ValidationError

from ambience.core.errors import (
    AmbienceError,
    BadInputError,
    BadParameterError,
    BusyError,
    NotFoundError,
    TooLargeError,
    UnavailableError,
    UnsupportedImageError,
)
from ambience.core.features import ImageId
from ambience.core.matches import Answer
from ambience.core.options import SearchOptions
from ambience.core.settings import TIMEOUT_S
from ambience.imaging import ImageFile
from ambience.web.problems import MEDIA_TYPE
from ambience.web.schemas import SearchAnswer, answered

# What a problem document of another process means here; 404 needs a second look.
_ERRORS: Mapping[int, type[AmbienceError]] = {
    HTTPStatus.BAD_REQUEST: BadInputError,
    HTTPStatus.CONFLICT: BusyError,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: TooLargeError,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: UnsupportedImageError,
    HTTPStatus.UNPROCESSABLE_ENTITY: BadParameterError,
    HTTPStatus.SERVICE_UNAVAILABLE: UnavailableError,
}


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
    client = httpx2.Client(base_url=parsed, timeout=timeout_s)
    return RemoteBackend(
        name, client, options, reads_words=reads_words, timeout_s=timeout_s
    )


class RemoteBackend:
    """The same service behind HTTP.

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
        self.options = options
        self.reads_words = reads_words
        self.timeout_s = timeout_s
        self._client = client

    def status(self) -> Mapping[str, Any]:
        """See `Backend.status`; a service that is down says so here too."""
        try:
            return self._status()
        except AmbienceError as error:
            return {"name": self.name, "available": False, "reason": str(error)}

    def extract(self, image: ImageFile) -> bytes:
        """Return the file itself: features are made where the service runs."""
        return image.data

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

    def search(
        self,
        image: ImageFile,
        *,
        k: int | None = None,
        radius: float | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Answer:
        """See `Backend.search`; of all in ``radius``, those that HTTP answers."""
        files = {"image": image.data}
        return self._find(
            "POST", "/search", params=_asked(k, radius, options), files=files
        )

    def search_by_id(
        self,
        image_id: ImageId,
        *,
        k: int | None = None,
        radius: float | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Answer:
        """See `Backend.search_by_id`; of all in ``radius``, those that HTTP answers."""
        path = f"/images/{image_id}/similar"
        return self._find("GET", path, params=_asked(k, radius, options))

    def search_words(
        self,
        text: str,
        *,
        k: int | None = None,
        radius: float | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Answer:
        """See `Backend.search_words`; of all in ``radius``, those that HTTP answers."""
        return self._find(
            "POST", "/search", params=_asked(k, radius, options), data={"text": text}
        )

    def close(self) -> None:
        """See `Backend.close`."""
        self._client.close()

    def _status(self) -> Mapping[str, Any]:
        response = self._send("GET", "")
        match body := _json(response):
            case {"name": self.name, "available": False, "reason": str()}:
                return dict(body)
            case {
                "name": self.name,
                "available": True,
                "count": int(),
                "index": {"lag": int()},
            }:
                return dict(body)
        raise self._other(response)

    def _find(self, method: str, path: str, **options: Any) -> Answer:
        response = self._send(method, path, **options)
        try:
            said = SearchAnswer.model_validate(_json(response))
        except ValidationError as error:
            raise self._other(response) from error
        return answered(said)

    def _change(self, method: str, path: str, **options: Any) -> None:
        response = self._send(method, path, **options)
        # A page of somebody else's must not pass for an image that was stored.
        if response.status_code != HTTPStatus.NO_CONTENT:
            raise self._other(response)

    def _send(self, method: str, path: str, **options: Any) -> httpx2.Response:
        try:
            response = self._client.request(method, f"/{self.name}{path}", **options)
        except httpx2.HTTPError as error:
            raise UnavailableError(
                f"{self.name} does not answer at {self._client.base_url} "
                f"({type(error).__name__}): see whether it runs"
            ) from error
        if response.is_success:
            return response
        status, detail = response.status_code, _detail(response)
        if detail is None:
            raise self._other(response)
        if status in _ERRORS:
            raise _ERRORS[status](detail)
        if status == HTTPStatus.NOT_FOUND:
            if not path:
                raise self._other(response)
            self._status()  # raises where it is the service that is not found
            raise NotFoundError(detail)
        raise UnavailableError(f"{self.name} answered {status}: {detail}")

    def _other(self, response: httpx2.Response) -> UnavailableError:
        return UnavailableError(
            f"{self.name} at {self._client.base_url} answered something else "
            f"({response.status_code} {response.reason_phrase}): see whether "
            f"services.{self.name}.url is right"
        )


def _asked(
    k: int | None, radius: float | None, options: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return what a search is told, as it stands in the address."""
    told = {"k": k, "radius": radius, **(options or {})}
    return {name: value for name, value in told.items() if value is not None}


def _json(response: httpx2.Response) -> Any:
    """Return a body, ``None`` (which we never send) if it is not JSON."""
    try:
        return response.json()
    except (ValueError, RecursionError):
        return None


def _detail(response: httpx2.Response) -> str | None:
    """Return the sentence of a problem document, ``None`` if it is not one of ours."""
    if response.headers.get("content-type", "").partition(";")[0] != MEDIA_TYPE:
        return None
    match _json(response):
        case {"detail": str(detail)}:
            return detail
    return None
