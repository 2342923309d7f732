"""Reads the forms of the original's routes: their fields, and the image in them."""

from collections.abc import AsyncIterator
from typing import Annotated, TypeAlias

from fastapi import Depends, File, Request

from ambience.gateway.legacy.schemas import (
    LegacyNew,
    LegacyNewForAll,
    LegacyReverseSearch,
    LegacySearchByImage,
)
from ambience.web.uploads import read


async def _new(
    request: Request, new: Annotated[LegacyNew, File()]
) -> AsyncIterator[tuple[LegacyNew, bytes]]:
    async with read(request, new.image) as data:
        yield new, data


async def _new_for_all(
    request: Request, new: Annotated[LegacyNewForAll, File()]
) -> AsyncIterator[tuple[LegacyNewForAll, bytes]]:
    async with read(request, new.image) as data:
        yield new, data


async def _query(
    request: Request, asked: Annotated[LegacySearchByImage, File()]
) -> AsyncIterator[tuple[LegacySearchByImage, bytes]]:
    async with read(request, asked.image) as data:
        yield asked, data


async def _reverse(
    request: Request, asked: Annotated[LegacyReverseSearch, File()]
) -> AsyncIterator[tuple[LegacyReverseSearch, bytes]]:
    async with read(request, asked.image) as data:
        yield asked, data


NewImage: TypeAlias = Annotated[
    tuple[LegacyNew, bytes], Depends(_new, scope="function")
]
"""An image to be added to one service: the form, and the bytes of the image."""

NewImageForAll: TypeAlias = Annotated[
    tuple[LegacyNewForAll, bytes], Depends(_new_for_all, scope="function")
]
"""An image to be added to every service."""

QueryImage: TypeAlias = Annotated[
    tuple[LegacySearchByImage, bytes], Depends(_query, scope="function")
]
"""An image to search with."""

ReverseQuery: TypeAlias = Annotated[
    tuple[LegacyReverseSearch, bytes], Depends(_reverse, scope="function")
]
"""An image to search every service with."""
