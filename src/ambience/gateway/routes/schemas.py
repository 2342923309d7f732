"""The answers of the gateway's own routes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from ambience.catalog import ImageRecord
from ambience.core.matches import FusedMatch
from ambience.search.reverse_search import ReverseSearch
from ambience.web.schemas import JSON
from ambience.web.wire import SearchAnswer, search_answer

_EXAMPLE: JSON = {
    "matches": [
        {
            "image_id": 7,
            "score": 0.9999,
            "relation": "re_encoded",
            "summary": "re-encoded, 4 of 576 bits differ",
            "evidence": {
                "phash": {"distance": 4.0, "orientation": "upright"},
                "color": {"distance": 0.08},
            },
        }
    ],
    "services": {
        "phash": {
            "matches": [{"image_id": 7, "distance": 4.0, "orientation": "upright"}],
            "note": "",
            "took_ms": 3.1,
        }
    },
    "unavailable": [],
}


class Claim(BaseModel):
    """One image found by all services together."""

    image_id: int
    score: float = Field(description="The probability that the relation is true.")
    relation: str = Field(description="How the query relates to the image.")
    summary: str = Field(description="The relation and its evidence in words.")
    evidence: dict[str, dict[str, Any]] = Field(
        description="What was measured, by service; file and pixels if compared."
    )


class ServiceSaid(SearchAnswer):
    """What one service found, and how long that took."""

    took_ms: float


class Unavailable(BaseModel):
    """A service that could not answer."""

    service: str
    reason: str


class ReverseSearchAnswer(BaseModel):
    """The matches, best first; empty if nothing fits."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    matches: list[Claim]
    services: dict[str, ServiceSaid]
    unavailable: list[Unavailable]


class ImageAnswer(BaseModel):
    """One image of the library."""

    image_id: int
    name: str = Field(description="Its file's name; empty for an upload.")
    path: str | None = Field(description="The user's file, if it is one.")
    width: int
    height: int
    format: str
    byte_count: int
    sha256: str
    shown_at: datetime = Field(
        description="When it was taken, if known; otherwise when its file was last "
        "changed. Cameras record no time zone: the server's is assumed."
    )
    added_at: datetime = Field(description="When it was added to the library.")
    missing: bool = Field(description="Whether its file is gone.")
    has_file: bool = Field(description="Whether the file itself can be requested.")
    waiting_for: list[str] = Field(
        description="Services that do not have it yet, but will; until then they do "
        "not find it."
    )


class ImagePage(BaseModel):
    """A page of the library, newest images first."""

    images: list[ImageAnswer]
    total: int = Field(description="Images in the whole library.")
    after: str | None = Field(description="Send it to get the next page.")


class Stuck(BaseModel):
    """Why a service can't get some images."""

    reason: str
    count: int = Field(description="How many images.")
    image_id: int = Field(description="The first of them.")


class Waiting(BaseModel):
    """What one service still has to get."""

    waiting: int = Field(description="Images that it gets as soon as possible.")
    rate: float | None = Field(
        description="Images per second that it got from this server in the last "
        "minute; null if unknown."
    )
    remaining_s: float | None = Field(
        description="How long the rest takes at this rate, in seconds; null if unknown."
    )
    paused: str | None = Field(description="Why there is no progress; null otherwise.")
    stuck: int = Field(description="Images that it can't get as they are.")
    stuck_reasons: list[Stuck]


class BacklogAnswer(BaseModel):
    """The work that waits for services."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "services": {
                        "local_features": {
                            "waiting": 1200,
                            "rate": 24.0,
                            "remaining_s": 50.0,
                            "paused": None,
                            "stuck": 1,
                            "stuck_reasons": [
                                {
                                    "reason": "the file is gone",
                                    "count": 1,
                                    "image_id": 7,
                                }
                            ],
                        }
                    }
                }
            ]
        }
    )

    services: dict[str, Waiting] = Field(
        description="Every service that holds images, by name."
    )


class PutAnswer(BaseModel):
    """The result of adding an image."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "image_id": 7,
                    "services": {"phash": "stored", "local_features": "waiting"},
                }
            ]
        }
    )

    image_id: int
    services: dict[str, str] = Field(
        description='By service: "stored"; "waiting" if it gets the image later, as '
        "requested; or why it could not take part."
    )


def claim_answer(match: FusedMatch) -> Claim:
    """Return a fused match in the form in which it is sent."""
    return Claim(
        image_id=match.image_id,
        score=match.score,
        relation=match.relation,
        summary=match.summary,
        evidence={name: dict(found) for name, found in match.evidence.items()},
    )


def reverse_search_answer(found: ReverseSearch) -> ReverseSearchAnswer:
    """Return the result of a reverse search in the form in which it is sent."""
    return ReverseSearchAnswer(
        matches=[claim_answer(match) for match in found.matches],
        services={
            name: ServiceSaid(
                **dict(search_answer(said.answer)), took_ms=round(said.took_ms, 2)
            )
            for name, said in found.services.items()
        },
        unavailable=[
            Unavailable(service=name, reason=reason)
            for name, reason in found.unavailable.items()
        ],
    )


def image_answer(image: ImageRecord, *, waiting_for: Sequence[str] = ()) -> ImageAnswer:
    """Return an image's record in the form in which it is sent.

    Args:
        image: Its record.
        waiting_for: Services that do not have it yet.
    """
    # A name that is not valid text can still be shown, with marks in place of bytes.
    path = None if image.path is None else _printable(str(image.path))
    name = "" if image.path is None else _printable(image.path.name)
    return ImageAnswer(
        image_id=image.image_id,
        name=name,
        path=path,
        width=image.size[1],
        height=image.size[0],
        format=image.format,
        byte_count=image.byte_count,
        sha256=image.sha256.hex(),
        shown_at=_with_zone(image.shown_at),
        added_at=image.added_at,
        missing=image.missing,
        has_file=image.path is not None or image.original is not None,
        waiting_for=list(waiting_for),
    )


def _with_zone(local: datetime) -> datetime:
    """Return a local time with its offset here, as required by RFC 3339."""
    try:
        zoned = local.astimezone()
    except (OverflowError, ValueError, OSError):  # before the year 2, after 9998
        return local.replace(tzinfo=UTC)
    offset = zoned.utcoffset() or timedelta()
    if offset % timedelta(minutes=1):  # before time zones, when towns had local noon
        return local.replace(tzinfo=UTC)
    return zoned.replace(tzinfo=timezone(offset))


def _printable(text: str) -> str:
    return text.encode(errors="surrogateescape").decode(errors="replace")
