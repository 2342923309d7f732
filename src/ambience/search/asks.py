"""What to ask each service about a query, at first and on a closer look."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias, TypeVar

from ambience.core.errors import BadParameterError
from ambience.core.features import WORKING_SIDE
from ambience.core.geometry import extent
from ambience.core.matches import Answer
from ambience.imaging import ImageFile
from ambience.search.image_parts import ImagePart
from ambience.search.questions import ById, ByWords
from ambience.service import AnyService, SearchRequest
from ambience.service.capabilities import SearchesImages, SearchesText

C = TypeVar("C")

Ask: TypeAlias = Callable[[SearchRequest], Answer]
"""Asks one service about a query."""

ReadQuery: TypeAlias = ImageFile | ImagePart | ById | ByWords
"""A question with its image read and its region, if any, cut out."""


def has_more(file: ImageFile) -> bool:
    """Return whether an image is larger than what is looked at first."""
    return extent(file.info.size) > WORKING_SIDE


def first_asks(
    query: ReadQuery, services: Mapping[str, AnyService], *, copies_only: bool
) -> Mapping[str, Ask]:
    """Return a function for each service that asks it about a query.

    Raises:
        BadParameterError: If no service searches with such a query, or if copies of
            words are wanted.
    """
    searching = _able(services, SearchesImages)
    match query:
        case ImageFile():
            asks = {name: partial(one.search, query) for name, one in searching.items()}
        case ImagePart():
            asks = {name: partial(query.search, one) for name, one in searching.items()}
        case ById(image_id):
            asks = {
                name: partial(one.search_by_id, image_id)
                for name, one in searching.items()
            }
        case ByWords(text):
            if copies_only:
                raise BadParameterError(
                    "words have no duplicates: search with an image, or for all matches"
                )
            asks = {
                name: partial(one.search_text, text)
                for name, one in _able(services, SearchesText).items()
            }
            if not asks:
                raise BadParameterError(
                    "no service here searches by words: send an image to "
                    + ", ".join(searching)
                )
    if not asks:
        raise BadParameterError(
            f"none of these services searches by image: {', '.join(services)}"
        )
    return asks


def closer_asks(
    query: ReadQuery, services: Mapping[str, AnyService]
) -> Mapping[str, Ask]:
    """Return a function for each service that can look closer at a query.

    There are none if the query is not larger than what was looked at.
    """
    match query:
        case ImageFile():
            larger = has_more(query)
        case ImagePart(file):
            larger = has_more(file)
        case ById() | ByWords():
            larger = False
    if not larger:
        return {}
    looks = {
        name: one.options.closer_look
        for name, one in _able(services, SearchesImages).items()
        if one.options.closer_look
    }
    if not looks:
        return {}
    able = {name: services[name] for name in looks}
    asks = first_asks(query, able, copies_only=False)
    return {name: partial(_closer, ask, looks[name]) for name, ask in asks.items()}


def _closer(ask: Ask, options: Mapping[str, Any], request: SearchRequest) -> Answer:
    return ask(replace(request, options=options))


def _able(services: Mapping[str, AnyService], kind: type[C]) -> dict[str, C]:
    """Return the services that have an ability, as objects with that ability."""
    return {
        name: able
        for name, service in services.items()
        if (able := service.ability(kind)) is not None
    }
