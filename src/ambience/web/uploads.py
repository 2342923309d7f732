"""Reads uploads into memory, no more of them at a time than fit in there.

A body goes to a temporary file while it arrives. Only who has a part of the budget
reads it; the others wait in a line, without a thread, and give up after a while.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from ambience.web.schemas import ImageUpload

_RETRY_S = 5  # by then some of those in the line before have had their turn


class UploadBudget:
    """Bytes, shared by those who wait for their part in a line, in one event loop.

    Who came first goes first, so that a large upload is never passed by small ones for
    good.

    Args:
        max_bytes: The whole.
        wait_s: How long somebody waits for a part.
    """

    def __init__(self, max_bytes: int, *, wait_s: float) -> None:
        self._whole = self._free = max_bytes
        self._wait_s = wait_s
        self._line: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def taken(self, size_bytes: int) -> AsyncIterator[None]:
        """Wait for a part of the budget, and have it for the time of the block.

        Args:
            size_bytes: How much; who wants more than the whole has all of it, alone.

        Raises:
            HTTPException: With 503, if the others take too long.
        """
        part = min(size_bytes, self._whole)
        turn = asyncio.get_running_loop().create_future()
        self._line.append((part, turn))
        self._move_on()
        try:
            async with asyncio.timeout(self._wait_s):
                await turn
            yield
        except TimeoutError:
            if not turn.cancelled():  # it is the block's own
                raise
            raise HTTPException(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "too many uploads are being worked on: try again in a moment, or raise "
                "server.uploads_in_memory_mib",
                headers={"Retry-After": str(_RETRY_S)},
            ) from None
        finally:
            if turn.cancelled():
                self._line.remove((part, turn))
            else:
                self._free += part
            self._move_on()

    def _move_on(self) -> None:
        """Give those who are first in the line their part, as far as there is one."""
        while self._line and self._line[0][0] <= self._free:
            part, turn = self._line[0]
            if turn.cancelled():  # who waited removes itself
                return
            self._line.popleft()
            self._free -= part
            turn.set_result(None)


@asynccontextmanager
async def read(request: Request, image: UploadFile) -> AsyncIterator[bytes]:
    """Give an upload's bytes, which are let go of after the block.

    Raises:
        HTTPException: With 503, if other uploads take up all memory for too long.
    """
    budget: UploadBudget = request.app.state.uploads
    async with budget.taken(image.size or 0):
        yield await image.read()


async def _image_data(request: Request, image: ImageUpload) -> AsyncIterator[bytes]:
    async with read(request, image) as data:
        yield data


async def _image_data_if_any(
    request: Request, image: ImageUpload | None = None
) -> AsyncIterator[bytes | None]:
    if image is None:
        yield None
    else:
        async with read(request, image) as data:
            yield data


ImageData = Annotated[bytes, Depends(_image_data, scope="function")]
"""The bytes of the form field ``image``, while a route's function runs."""

ImageDataIfAny = Annotated[bytes | None, Depends(_image_data_if_any, scope="function")]
"""The same, ``None`` if there is no such field."""
