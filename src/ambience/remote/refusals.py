"""Interprets the answers of another process, which may not be a service at all."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self

import httpx2

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
from ambience.service.capabilities import Abilities, HoldsImages, abilities_named
from ambience.web.wire import PROBLEM_TYPE

# The meaning of another process's problem documents.
_ERRORS: Mapping[int, type[AmbienceError]] = {
    HTTPStatus.BAD_REQUEST: BadInputError,
    HTTPStatus.NOT_FOUND: NotFoundError,
    HTTPStatus.CONFLICT: BusyError,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: TooLargeError,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: UnsupportedImageError,
    HTTPStatus.UNPROCESSABLE_ENTITY: BadParameterError,
    HTTPStatus.SERVICE_UNAVAILABLE: UnavailableError,
}


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer that was read completely.

    Attributes:
        status: The HTTP status.
        media_type: The media type of the body, without parameters.
        body: The body.
    """

    status: int
    media_type: str
    body: bytes

    @property
    def json(self) -> Any:
        """The body; ``None`` (which we never send) if it is not JSON."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None

    @property
    def detail(self) -> str | None:
        """The detail of a problem document; ``None`` if it is not one of ours."""
        if self.media_type != PROBLEM_TYPE:
            return None
        match self.json:
            case {"detail": str(detail)}:
                return detail
        return None


def abilities_in(state: Mapping[str, Any]) -> Abilities | None:
    """Return what a service says it can do; ``None`` if it does not say."""
    match state:
        case {"abilities": [*names]}:
            return abilities_named(name for name in names if isinstance(name, str))
    return None


def _is_whole(parts: Mapping[str, Any]) -> bool:
    """Whether a status has everything we read; for images, if the service holds any."""
    abilities = abilities_in(parts)
    match parts:
        case {"count": int(), "index": {"lag": int()}}:
            return True
    return abilities is not None and HoldsImages not in abilities


@dataclass(frozen=True, slots=True)
class Address:
    """Where a service should be, and the messages about what is found there.

    Attributes:
        name: The service's name.
        url: Its address.
    """

    name: str
    url: str

    @classmethod
    def of(cls, name: str, url: httpx2.URL) -> Self:
        """Return the address of a service, without a password that may be in it."""
        return cls(name, str(url.copy_with(userinfo=b"")))

    def state(self, answered: Answered) -> dict[str, Any]:
        """Return the status in an answer.

        Raises:
            UnavailableError: If the answer is not the status of this service.
        """
        if answered.status >= HTTPStatus.BAD_REQUEST:
            raise self.refusal(answered, of_status=True)
        match state := answered.json:
            case {"name": self.name, "available": False, "reason": str()}:
                return dict(state)
            case {"name": self.name, "available": True} if _is_whole(state):
                return dict(state)
        raise self.wrong_answer(answered.status)

    def refusal(self, answered: Answered, *, of_status: bool = False) -> AmbienceError:
        """Return the error for an answer that is not a success.

        A `NotFoundError` may also mean that the service itself is not there: check.

        Args:
            answered: The answer.
            of_status: Whether the status was requested, so that "not found" means that
                the service is not there.
        """
        status, detail = answered.status, answered.detail
        if detail is None:
            return self.wrong_answer(status)
        if of_status and status == HTTPStatus.NOT_FOUND:
            return UnavailableError(
                f"{self.name} at {self.url} answers, but not as this version does: "
                f"check that services.{self.name}.url is right, and run the same "
                "version there"
            )
        if status in _ERRORS:
            return _ERRORS[status](detail)
        return UnavailableError(f"{self.name} answered {status}: {detail}")

    def wrong_answer(self, status: int) -> UnavailableError:
        """Return the error for an answer that no service gives."""
        try:
            phrase = f"{status} {HTTPStatus(status).phrase}"
        except ValueError:
            phrase = str(status)
        return UnavailableError(
            f"{self.name} at {self.url} answered something else ({phrase}): check that "
            f"services.{self.name}.url is right"
        )

    def no_answer(self, error: Exception, *, timeout_s: float) -> UnavailableError:
        """Return the error for a missing or incomplete answer."""
        if isinstance(error, TimeoutError):
            return UnavailableError(
                f"{self.name} does not answer at {self.url} within {timeout_s:g} s: "
                f"check whether it hangs, or raise services.{self.name}.timeout_s"
            )
        return UnavailableError(
            f"{self.name} does not answer at {self.url} ({type(error).__name__}): "
            "check whether it is running"
        )
