"""Lets threads send requests to a service elsewhere, with a limit for each request."""

from concurrent.futures import CancelledError
from contextlib import ExitStack
from functools import partial
from threading import Lock
from typing import cast

import anyio
import httpx2
from anyio.from_thread import BlockingPortal, start_blocking_portal

from ambience.remote.upstream import Upstream, Whole, whole

_MAX_BYTES = 2**26  # of an answer: a thousand matches with all their points have 30 MB


class BoundedTransport(httpx2.BaseTransport):
    """Carries the requests of an `httpx2.Client` on a thread with an event loop.

    The request extension ``limit_s`` gives a request less time than others.

    Blocking calls can't do this, because their limit is for each read: a service that
    sends a byte now and then would hold its caller forever.

    Args:
        url: Where the service runs.
        timeout_s: How long one request may take, from connecting to the last byte.
        max_bytes: The largest size of an answer.
    """

    def __init__(
        self, url: httpx2.URL, *, timeout_s: float, max_bytes: int = _MAX_BYTES
    ) -> None:
        self._name = f"requests-{url.host}-{url.port}"
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._upstream = Upstream(url)
        self._lock = Lock()  # for the next two
        self._portal: BlockingPortal | None = None
        self._open = ExitStack()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """See `httpx2.BaseTransport`.

        Raises:
            httpx2.HTTPError: See `Upstream.exchange`.
            OSError: If it takes too long (`TimeoutError`), or the transport is closed.
        """
        try:
            return self._loop().call(self._answer, request)
        except CancelledError as error:
            raise ConnectionAbortedError from error

    def close(self) -> None:
        """Close the connections, with the requests on them, and end the thread."""
        with self._lock:
            self._portal = None
            self._open.close()

    def _loop(self) -> BlockingPortal:
        """Return the portal to the event loop; the first request starts its thread."""
        with self._lock:
            if self._portal is None:
                portal = start_blocking_portal(name=self._name)
                self._portal = self._open.enter_context(portal)
                stop = partial(self._portal.stop, cancel_remaining=True)
                self._open.callback(self._portal.call, stop)
                self._open.callback(self._portal.call, self._upstream.aclose)
            return self._portal

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        parts = cast("httpx2.SyncByteStream", request.stream)  # as a Client makes it
        with anyio.fail_after(request.extensions.get("limit_s", self._timeout_s)):
            async with self._upstream.exchange(
                request.method,
                request.url.raw_path,
                request.headers.raw,
                Whole(parts),
            ) as reply:
                return httpx2.Response(
                    reply.status_code,
                    headers=reply.headers.raw,
                    content=await whole(reply, max_bytes=self._max_bytes),
                )
