"""Reads uploads into memory, limiting how much of it they take at a time.

While a body arrives, it is written to a temporary file. It is read once there is enough
memory in the budget. Until then, requests wait in line without a thread, and give up
after a while.
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

_RETRY_S = 5  # by then, some of the requests in line are done


class UploadBudget:
    """Bytes of memory that uploads share, in one event loop.

    Uploads are served in the order of arrival, so that small ones can't keep a large
    one waiting forever.

    Args:
        max_bytes: The whole budget.
        wait_s: How long an upload waits for its share, in seconds.
    """

    def __init__(self, max_bytes: int, *, wait_s: float) -> None:
        self._whole = self._free = max_bytes
        self._wait_s = wait_s
        self._line: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def taken(self, size_bytes: int) -> AsyncIterator[None]:
        """Wait for a share of the budget, and hold it during the block.

        Args:
            size_bytes: The share. More than the whole budget takes all of it.

        Raises:
            HTTPException: With 503, if other uploads take too long.
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
            if not turn.cancelled():  # raised by the block
                raise
            raise HTTPException(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "too many uploads are being processed: try again in a moment, or raise "
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
        """Give the first in line their shares, as far as the budget goes."""
        while self._line and self._line[0][0] <= self._free:
            part, turn = self._line[0]
            if turn.cancelled():  # it removes itself
                return
            self._line.popleft()
            self._free -= part
            turn.set_result(None)


@asynccontextmanager
async def read(request: Request, image: UploadFile) -> AsyncIterator[bytes]:
    """Yield an upload's bytes, within the budget.

    Raises:
        HTTPException: With 503, if other uploads take too long.
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
"""The bytes of the form field ``image``, available while a route's function runs."""

ImageDataIfAny = Annotated[bytes | None, Depends(_image_data_if_any, scope="function")]
"""Like `ImageData`, but ``None`` if there is no such field."""
