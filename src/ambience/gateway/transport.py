"""Lets threads ask a service elsewhere, each request within one limit for it all."""

import asyncio
from concurrent.futures import CancelledError
from threading import Lock, Thread
from typing import cast

import httpx2

from ambience.gateway.bodies import Parts
from ambience.gateway.upstream import Upstream

_MAX_BYTES = 2**26  # of an answer: a thousand matches with all their points have 30 MB
_STOP_S = 5.0


class BoundedTransport(httpx2.BaseTransport):
    """Carries the requests of an `httpx2.Client`, by a thread with an event loop.

    The extension ``limit_s`` of a request gives it less time than others have.

    Blocking calls can't do it: their limit is for each read, so that a service which
    sends a byte now and then holds its caller for ever.

    Args:
        url: Where the service runs.
        timeout_s: How long one request may take, from connecting to the last byte.
        max_bytes: How large an answer may be.
    """

    def __init__(
        self, url: httpx2.URL, *, timeout_s: float, max_bytes: int = _MAX_BYTES
    ) -> None:
        self._url = url
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._lock = Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None
        self._upstream: Upstream | None = None

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """See `httpx2.BaseTransport`.

        Raises:
            OSError: As `Upstream.exchange` raises it.
        """
        answer = self._answer(request)
        asked = asyncio.run_coroutine_threadsafe(answer, self._running_loop())
        try:
            return asked.result()
        except CancelledError as error:
            raise ConnectionAbortedError from error

    def close(self) -> None:
        """Close the connections, and end the thread."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is None or thread is None:
            return
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_STOP_S)

    async def _answer(self, request: httpx2.Request) -> httpx2.Response:
        if self._upstream is None:
            self._upstream = upstream_of(self._url, timeout_s=self._timeout_s)
        parts = cast("httpx2.SyncByteStream", request.stream)  # as a Client makes it
        async with self._upstream.exchange(
            request.method,
            request.url.raw_path,
            request.headers.raw,
            Parts(list(parts)),
            timeout_s=request.extensions.get("limit_s"),
        ) as reply:
            return httpx2.Response(
                reply.status,
                headers=list(reply.headers),
                content=await reply.whole(max_bytes=self._max_bytes),
                request=request,
            )

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
                self._loop = runner.get_loop()
                name = f"requests-{self._url.host}-{self._url.port}"
                # A daemon: the process must be able to end while a name is looked up.
                self._thread = Thread(
                    target=self._run, args=(runner,), name=name, daemon=True
                )
                self._thread.start()
            return self._loop

    def _run(self, runner: asyncio.Runner) -> None:
        with runner:  # cancels at its end what is under way
            runner.get_loop().run_forever()
            if self._upstream is not None:
                self._upstream.close()
                self._upstream = None


def upstream_of(url: httpx2.URL, *, timeout_s: float) -> Upstream:
    """Return the connections to an address; to be used in one event loop."""
    tls = url.scheme == "https"
    port = url.port or (443 if tls else 80)
    return Upstream(url.host, port, tls=tls, timeout_s=timeout_s)
