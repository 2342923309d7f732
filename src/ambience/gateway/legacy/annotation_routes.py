"""The original's routes that say something about an image: its tags, its caption.

The gateway has them even if there is no such service: clients of the original take an
error for "no tags" or "no caption", and can't read any other answer.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from ambience.core.errors import AmbienceError, UnavailableError
from ambience.gateway.legacy.requests import MissingError, form_of
from ambience.gateway.legacy.routing import FORM, LegacyRoute
from ambience.gateway.legacy.schemas import LegacyImage
from ambience.gateway.legacy.service_routes import as_json, failed, unreachable
from ambience.imaging import ImageFile, Limits
from ambience.service import AnyService, required
from ambience.service.capabilities import Annotates, Annotation

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A route, and how to answer it.

    Attributes:
        path: Its path.
        says: What it does.
        failed: The original's error message.
        answer: Turns an annotation into the original's answer.
    """

    path: str
    says: str
    failed: str
    answer: Callable[[Annotation], object]


def _tags(said: Annotation) -> list[str]:
    """Return the ``tags`` in the details, where a tagging service lists them.

    Raises:
        ValueError: If there is no such list: clients need a list of strings.
    """
    match said.details.get("tags"):
        case [*tags] if all(isinstance(tag, str) for tag in tags):
            return list(tags)
    raise ValueError("the annotation has no list of tags")


# By the name of the service.
_ASKED = {
    "tags": _Asked(
        "/get_image_tags", "Say which tags an image has", "Can't get image tags", _tags
    ),
    "caption": _Asked(
        "/get_image_caption",
        "Say in a sentence what an image shows",
        "Can't get image caption",
        lambda said: said.text,
    ),
}


def annotation_routes(
    services: Sequence[AnyService], *, limits: Limits, at_gateway: bool = False
) -> list[LegacyRoute]:
    """Return the original's routes for annotations.

    Args:
        services: The services; those with other names have no such route.
        limits: The limits for images.
        at_gateway: Whether to answer as the gateway does for services that are missing
            or out of order.
    """
    there = {
        service.name: service
        for service in services
        if service.ability(Annotates) is not None
    }
    return [
        LegacyRoute(
            asked.path,
            partial(_answer, name, there.get(name), limits, at_gateway=at_gateway),
            LegacyImage,
            FORM,
            asked.says,
        )
        for name, asked in _ASKED.items()
        if at_gateway or name in there
    ]


async def _answer(
    name: str,
    service: AnyService | None,
    limits: Limits,
    request: Request,
    *,
    at_gateway: bool,
) -> Response:
    asked = _ASKED[name]
    try:
        async with form_of(request) as (_, data):
            file = ImageFile(data, limits=limits)
            said = await run_in_threadpool(_annotated, name, service, file)
            return as_json(asked.answer(said))
    except MissingError as error:
        return error.of_service()
    except UnavailableError as error:
        _log.warning("%s: %s", asked.failed, error)
        return unreachable(error) if at_gateway else failed(asked.failed)
    except (AmbienceError, ValueError) as error:
        _log.info("%s: %s", asked.failed, error)
        return failed(asked.failed)


def _annotated(name: str, service: AnyService | None, file: ImageFile) -> Annotation:
    if service is None:
        raise UnavailableError(f"there is no service {name} here")
    (said,) = required(service, Annotates).annotate([file])
    return said
