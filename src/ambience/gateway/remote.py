"""A service in another process, reached over HTTP."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import httpx2

from ambience.core.errors import (
    BadInputError,
    BadParameterError,
    NotFoundError,
    UnavailableError,
)
from ambience.core.features import ImageId
from ambience.core.matches import Answer, Match
from ambience.imaging import ImageFile


def connect(name: str, url: str, *, timeout_s: float) -> "RemoteBackend":
    """Return a service that runs at an address; it need not be up yet."""
    return RemoteBackend(name, httpx2.Client(base_url=url, timeout=timeout_s))


class RemoteBackend:
    """The same service behind HTTP.

    Args:
        name: The service's name.
        client: Reaches its process; closed with the backend.
    """

    def __init__(self, name: str, client: httpx2.Client) -> None:
        self.name = name
        self._client = client

    def status(self) -> Mapping[str, Any]:
        """See `Backend.status`; a service that is down says so here too."""
        try:
            return dict(self._send("GET", f"/{self.name}").json())
        except UnavailableError as error:
            return {"name": self.name, "available": False, "reason": str(error)}

    def extract(self, image: ImageFile) -> bytes:
        """Return the file itself: features are made where the service runs."""
        return image.data

    def put(self, extracted: Mapping[ImageId, Any]) -> None:
        """See `Backend.put`."""
        for image_id, data in extracted.items():
            self._send("PUT", f"/{self.name}/images/{image_id}", files={"image": data})

    def remove(self, ids: Sequence[ImageId]) -> list[ImageId]:
        """See `Backend.remove`."""
        known: list[ImageId] = []
        for image_id in ids:
            try:
                self._send("DELETE", f"/{self.name}/images/{image_id}")
            except NotFoundError:
                continue
            known.append(image_id)
        return known

    def search(
        self, image: ImageFile, *, k: int | None = None, radius: float | None = None
    ) -> Answer:
        """See `Backend.search`."""
        return _answer(
            self._send(
                "POST",
                f"/{self.name}/search",
                params=_depth(k, radius),
                files={"image": image.data},
            )
        )

    def search_by_id(
        self, image_id: ImageId, *, k: int | None = None, radius: float | None = None
    ) -> Answer:
        """See `Backend.search_by_id`."""
        path = f"/{self.name}/images/{image_id}/similar"
        return _answer(self._send("GET", path, params=_depth(k, radius)))

    def close(self) -> None:
        """See `Backend.close`."""
        self._client.close()

    def _send(self, method: str, path: str, **options: Any) -> httpx2.Response:
        try:
            response = self._client.request(method, path, **options)
        except httpx2.HTTPError as error:
            raise UnavailableError(
                f"{self.name} does not answer at {self._client.base_url} "
                f"({type(error).__name__}): see whether it runs"
            ) from error
        if response.is_success:
            return response
        detail = _detail(response)
        match response.status_code:
            case HTTPStatus.NOT_FOUND:
                raise NotFoundError(detail)
            case HTTPStatus.UNPROCESSABLE_ENTITY:
                raise BadParameterError(detail)
            case status if HTTPStatus.BAD_REQUEST <= status < 500:  # noqa: PLR2004 -- the client errors
                raise BadInputError(detail)
            case status:
                raise UnavailableError(f"{self.name} answered {status}: {detail}")


def _depth(k: int | None, radius: float | None) -> dict[str, float]:
    return {
        name: value
        for name, value in (("k", k), ("radius", radius))
        if value is not None
    }


def _answer(response: httpx2.Response) -> Answer:
    body = response.json()
    return Answer(
        tuple(
            Match(ImageId(found.pop("image_id")), found.pop("distance"), found)
            for found in body["matches"]
        ),
        body["note"],
    )


def _detail(response: httpx2.Response) -> str:
    try:
        return str(response.json()["detail"])
    except (ValueError, KeyError, TypeError):  # not one of ours: a proxy, perhaps
        return response.reason_phrase
